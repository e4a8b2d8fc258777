//! Builds the tree of an expression.
//!
//! Apache: the grammar of `SelectorParser.jj`, and what the `create` methods of its expressions refuse. From what binds
//! least: `OR`; `AND`; `=` `<>` `IS`; the other comparisons; the signs and `NOT`, which so belongs to the operand after it
//! and not to its comparison.

use crate::error::ParseError;
use crate::token::{Kind, Token, Tokens};
use crate::tree::{Condition, Operand, Order, Place};
use crate::value::Number;
use crate::{MAX_DEPTH, MAX_LEN};

/// The condition that `text` is, and where the text begins that is not part of it.
pub(crate) fn parse(text: &str) -> Result<(Condition, Option<usize>), ParseError> {
    if text.len() > MAX_LEN {
        let found = format!("an expression of {} bytes", text.len());
        return Err(ParseError::new(text, 0, found, "no more than 65536"));
    }
    let mut tokens = Tokens::new(text);
    let next = tokens.next()?;
    let mut parser = Parser { text, tokens, next, end: 0, level: 0 };
    let (condition, _) = parser.any().and_then(|part| parser.condition(part))?;
    let unread = (parser.next.kind != Kind::End).then_some(parser.next.start);
    Ok((condition, unread))
}

struct Parser<'a> {
    text: &'a str,
    tokens: Tokens<'a>,
    /// The token that is looked at.
    next: Token<'a>,
    /// Where the token before it ended.
    end: usize,
    /// Brackets and signs that are open.
    level: usize,
}

/// An operand that was read.
struct Part {
    operand: Operand,
    /// How deep its tree is.
    depth: usize,
    start: usize,
    end: usize,
}

type Parsed<T> = Result<T, ParseError>;

impl Parser<'_> {
    fn any(&mut self) -> Parsed<Part> {
        self.chain("OR", Self::all, Condition::Any)
    }

    fn all(&mut self) -> Parsed<Part> {
        self.chain("AND", Self::equality, Condition::All)
    }

    /// Conditions that a word joins are one level of the tree, however many there are.
    fn chain(
        &mut self,
        word: &'static str,
        link: fn(&mut Self) -> Parsed<Part>,
        join: fn(Box<[Condition]>) -> Condition,
    ) -> Parsed<Part> {
        let first = link(self)?;
        if self.next.kind != Kind::Word(word) {
            return Ok(first);
        }
        let start = first.start;
        let (condition, mut depth) = self.condition(first)?;
        let mut conditions = vec![condition];
        while self.take(Kind::Word(word))? {
            let (condition, deep) = link(self).and_then(|part| self.condition(part))?;
            conditions.push(condition);
            depth = depth.max(deep);
        }
        self.part(start, depth, join(conditions.into()).into())
    }

    fn equality(&mut self) -> Parsed<Part> {
        let mut left = self.comparison()?;
        loop {
            let start = left.start;
            left = if self.take(Kind::Sign("="))? {
                let (depth, equal) = self.equal(left)?;
                self.part(start, depth, equal.into())?
            } else if self.take(Kind::Sign("<>"))? {
                let (depth, equal) = self.equal(left)?;
                self.part(start, depth + 1, Condition::Not(Box::new(equal)).into())?
            } else if self.take(Kind::Word("IS"))? {
                let not = self.take(Kind::Word("NOT"))?;
                if !self.take(Kind::Word("NULL"))? {
                    return Err(self.expected(if not { "NULL" } else { "NULL or NOT NULL" }));
                }
                let null = Condition::IsNull(Box::new(left.operand));
                let null = if not { Condition::Not(Box::new(null)) } else { null };
                self.part(start, left.depth + 1, null.into())?
            } else {
                return Ok(left);
            };
        }
    }

    fn equal(&mut self, left: Part) -> Parsed<(usize, Condition)> {
        if self.next.kind == Kind::Sign("=") {
            return Err(self.expected("a value; one = is enough"));
        }
        let right = self.comparison()?;
        for side in [&left, &right] {
            if side.operand.is_null() {
                return Err(self.about(side, "a value; only IS compares with NULL"));
            }
        }
        if left.operand.is_truth() && matches!(right.operand, Operand::Number(_) | Operand::Text(_)) {
            return Err(self.about(&right, "a property or a condition to compare with TRUE or FALSE"));
        }
        Ok((left.depth.max(right.depth), Condition::Equal(Box::new([left.operand, right.operand]))))
    }

    fn comparison(&mut self) -> Parsed<Part> {
        let mut left = self.signed()?;
        loop {
            let start = left.start;
            let (depth, condition) = match self.next.kind {
                Kind::Sign(">") => self.order(left, Order::Greater)?,
                Kind::Sign(">=") => self.order(left, Order::GreaterOrEqual)?,
                Kind::Sign("<") => self.order(left, Order::Less)?,
                Kind::Sign("<=") => self.order(left, Order::LessOrEqual)?,
                Kind::Word("NOT") => {
                    self.advance()?;
                    let expected = "IN, BETWEEN, CONTAINS, STARTSWITH or ENDSWITH";
                    self.test(left, true)?.map_err(|_| self.expected(expected))?
                }
                _ => match self.test(left, false)? {
                    Ok(test) => test,
                    Err(left) => return Ok(left),
                },
            };
            left = self.part(start, depth, condition.into())?;
        }
    }

    fn order(&mut self, left: Part, order: Order) -> Parsed<(usize, Condition)> {
        self.advance()?;
        let right = self.signed()?;
        self.orderable(&[&left, &right])?;
        let depth = left.depth.max(right.depth);
        Ok((depth, Condition::Order(order, Box::new([left.operand, right.operand]))))
    }

    /// A comparison that is a word; gives `left` back when there is none.
    fn test(&mut self, left: Part, not: bool) -> Parsed<Result<(usize, Condition), Part>> {
        let place = match self.next.kind {
            Kind::Word("BETWEEN") => return self.between(left, not).map(Ok),
            Kind::Word("IN") => return self.among(left, not).map(Ok),
            Kind::Word("CONTAINS") => Place::Anywhere,
            Kind::Word("STARTSWITH") => Place::Start,
            Kind::Word("ENDSWITH") => Place::End,
            _ => return Ok(Err(left)),
        };
        self.advance()?;
        let part = self.text()?;
        Ok(Ok((left.depth, Condition::Has { not, place, value: Box::new(left.operand), part })))
    }

    fn between(&mut self, value: Part, not: bool) -> Parsed<(usize, Condition)> {
        self.advance()?;
        let low = self.signed()?;
        if !self.take(Kind::Word("AND"))? {
            return Err(self.expected("AND between the two bounds"));
        }
        let high = self.signed()?;
        self.orderable(&[&value, &low, &high])?;
        if let (Operand::Number(from), Operand::Number(to), false) = (&low.operand, &high.operand, not)
            && to.compare(*from).is_lt()
        {
            return Err(ParseError::about(self.text, low.start, high.end, "the lower bound first"));
        }
        let depth = value.depth.max(low.depth).max(high.depth);
        let parts = Box::new([value.operand, low.operand, high.operand]);
        Ok((depth, Condition::Between { not, parts }))
    }

    fn among(&mut self, left: Part, not: bool) -> Parsed<(usize, Condition)> {
        let Part { operand: Operand::Property(property), depth, .. } = left else {
            return Err(self.about(&left, "a property before IN"));
        };
        self.advance()?;
        if !self.take(Kind::Sign("("))? {
            return Err(self.expected("( before the values"));
        }
        let mut values = vec![self.text()?];
        while self.take(Kind::Sign(","))? {
            values.push(self.text()?);
        }
        if !self.take(Kind::Sign(")"))? {
            return Err(self.expected(", or ) after a value"));
        }
        values.sort_unstable();
        values.dedup();
        Ok((depth, Condition::In { not, property, values: values.into() }))
    }

    /// An operand with the signs and `NOT`s before it.
    fn signed(&mut self) -> Parsed<Part> {
        let start = self.next.start;
        if self.take(Kind::Sign("+"))? {
            let part = self.deeper(Self::signed)?;
            Ok(Part { start, ..part })
        } else if self.take(Kind::Sign("-"))? {
            let part = self.deeper(Self::signed)?;
            self.part(start, part.depth, Operand::Negate(Box::new(part.operand)))
        } else if self.take(Kind::Word("NOT"))? {
            let (condition, depth) = self.deeper(Self::signed).and_then(|part| self.condition(part))?;
            self.part(start, depth, Condition::Not(Box::new(condition)).into())
        } else {
            self.operand()
        }
    }

    fn operand(&mut self) -> Parsed<Part> {
        let start = self.next.start;
        let operand = match self.next.kind {
            Kind::Sign("(") => {
                self.advance()?;
                let part = self.deeper(Self::any)?;
                if !self.take(Kind::Sign(")"))? {
                    return Err(self.expected("an operator or )"));
                }
                return Ok(Part { start, end: self.end, ..part });
            }
            Kind::Name(name) => Operand::Property(name.into()),
            Kind::Text(text) => Operand::Text(unquoted(text)),
            Kind::Integer(digits) => Operand::Number(self.integer(digits)?),
            Kind::Decimal(digits) => Operand::Number(self.decimal(digits)?),
            Kind::Word("TRUE") => constant(Some(true)),
            Kind::Word("FALSE") => constant(Some(false)),
            Kind::Word("NULL") => constant(None),
            _ => return Err(self.expected("a property, a value or (")),
        };
        self.advance()?;
        Ok(Part { operand, depth: 1, start, end: self.end })
    }

    fn integer(&self, digits: &str) -> Parsed<Number> {
        let long: i64 = digits
            .trim_end_matches(['l', 'L'])
            .parse()
            .map_err(|_| self.expected("an integer up to 9223372036854775807"))?;
        Ok(i32::try_from(long).map_or(Number::Long(long), Number::Integer))
    }

    fn decimal(&self, digits: &str) -> Parsed<Number> {
        let double: f64 = digits.parse().map_err(|_| self.expected("a number"))?;
        // Apache refuses 0.0 with the words for one too small.
        if double > 0.0 && double.is_finite() {
            Ok(Number::Double(double))
        } else {
            Err(self.expected("a decimal above 0, up to 1.7976931348623157E308"))
        }
    }

    fn text(&mut self) -> Parsed<Box<str>> {
        let Kind::Text(text) = self.next.kind else {
            return Err(self.expected("text in single quotes"));
        };
        self.advance()?;
        Ok(unquoted(text))
    }

    /// Refuses operands that have no order. Properties have: they may be numbers.
    fn orderable(&self, parts: &[&Part]) -> Parsed<()> {
        let unordered = |part: &&&Part| matches!(part.operand, Operand::Text(_) | Operand::Condition(_));
        match parts.iter().find(unordered) {
            Some(part) => Err(self.about(part, "a number or a property")),
            None => Ok(()),
        }
    }

    fn condition(&self, part: Part) -> Parsed<(Condition, usize)> {
        let Part { operand, depth, start, end } = part;
        let refused = || ParseError::about(self.text, start, end, "a comparison, which is true or false");
        operand.into_condition().map(|condition| (condition, depth)).ok_or_else(refused)
    }

    /// An operand made of others that are up to `depth` deep. `a = b = c` gets deep without any bracket.
    fn part(&self, start: usize, depth: usize, operand: Operand) -> Parsed<Part> {
        if depth >= MAX_DEPTH {
            return Err(self.too_deep(start));
        }
        Ok(Part { operand, depth: depth + 1, start, end: self.end })
    }

    /// Reads what is in a bracket or after a sign.
    fn deeper(&mut self, read: fn(&mut Self) -> Parsed<Part>) -> Parsed<Part> {
        if self.level >= MAX_DEPTH {
            return Err(self.too_deep(self.next.start));
        }
        self.level += 1;
        let part = read(self);
        self.level -= 1;
        part
    }

    fn too_deep(&self, at: usize) -> ParseError {
        ParseError::new(
            self.text,
            at,
            "more than 128 levels",
            "fewer brackets, signs and comparisons of comparisons",
        )
    }

    /// Passes the next token if it is `kind`.
    fn take(&mut self, kind: Kind<'static>) -> Parsed<bool> {
        let there = self.next.kind == kind;
        if there {
            self.advance()?;
        }
        Ok(there)
    }

    fn advance(&mut self) -> Parsed<()> {
        self.end = self.next.end;
        self.next = self.tokens.next()?;
        Ok(())
    }

    fn expected(&self, expected: &'static str) -> ParseError {
        ParseError::about(self.text, self.next.start, self.next.end, expected)
    }

    fn about(&self, part: &Part, expected: &'static str) -> ParseError {
        ParseError::about(self.text, part.start, part.end, expected)
    }
}

fn constant(truth: Option<bool>) -> Operand {
    Condition::Constant(truth).into()
}

fn unquoted(text: &str) -> Box<str> {
    text.replace("''", "'").into()
}
