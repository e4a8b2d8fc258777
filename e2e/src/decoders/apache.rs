//! Apache's decoders, in a Java process that answers many questions.

use std::io::{BufReader, BufWriter, Read, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::thread;

use anyhow::{Context as _, Result, anyhow, bail};

use super::view::{Command, Element, Host, Input, Kind, Pairs, Record, View};
use crate::toolchain::{Java, Module};

pub(super) struct Apache {
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Apache {
    pub(super) fn start(java: Java) -> Result<Self> {
        let mut command =
            java.command(Module::Tools, &["-XX:+UseSerialGC", "-Xmx512m"], "dev.gantry.e2e.Decoders");
        // A line for each frame that is refused would cost more than the refusal.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().context("starting Java")?;
        let questions = process.stdin.take().context("no standard input")?;
        let answers = process.stdout.take().context("no standard output")?;
        Ok(Self { process, questions, answers: BufReader::with_capacity(1 << 20, answers) })
    }

    /// What it makes of each.
    pub(super) fn views(&mut self, inputs: &[Input]) -> Result<Vec<View>> {
        let Self { questions, answers, .. } = self;
        thread::scope(|scope| {
            let asked = scope.spawn(move || ask(questions, inputs));
            let views = inputs.iter().map(|input| read(input.kind, answers)).collect();
            asked.join().map_err(|_| anyhow!("the thread that asks panicked"))??;
            views
        })
    }
}

impl Drop for Apache {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn ask(questions: &mut ChildStdin, inputs: &[Input]) -> Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, questions);
    for input in inputs {
        out.write_all(&[input.kind as u8])?;
        out.write_all(&i32::try_from(input.bytes.len())?.to_be_bytes())?;
        out.write_all(&input.bytes)?;
    }
    out.flush().context("asking")
}

fn read(kind: Kind, answers: &mut impl Read) -> Result<View> {
    let mut len = [0; 4];
    answers.read_exact(&mut len).context("Java gave no answer")?;
    let mut answer = vec![0; usize::try_from(i32::from_be_bytes(len))?];
    answers.read_exact(&mut answer)?;
    let mut answer = Answer(&answer);
    if answer.bytes::<1>()? == [0] {
        return Ok(View::Refused(answer.text()?.unwrap_or_default()));
    }
    let view = match kind {
        Kind::Command => View::Command(Command {
            code: answer.int()?,
            language: answer.int()?,
            version: answer.int()?,
            opaque: answer.int()?,
            flag: answer.int()?,
            remark: answer.text()?,
            fields: answer.pairs()?,
            body: answer.array()?,
        }),
        Kind::Record => View::Record(Box::new(Record {
            queue_id: answer.int()?,
            flag: answer.int()?,
            queue_offset: answer.long()?,
            physical_offset: answer.long()?,
            sys_flag: answer.int()?,
            born_timestamp: answer.long()?,
            born_host: answer.host()?,
            store_timestamp: answer.long()?,
            store_host: answer.host()?,
            reconsume_times: answer.int()?,
            prepared_transaction_offset: answer.long()?,
            body_crc: answer.int()?,
            body: answer.array()?,
            topic: answer.text()?.unwrap_or_default(),
            properties: answer.pairs()?,
        })),
        Kind::Batch => {
            let count = answer.int()?;
            let element = |answer: &mut Answer<'_>| {
                Ok(Element { flag: answer.int()?, body: answer.array()?, properties: answer.pairs()? })
            };
            View::Batch((0..count).map(|_| element(&mut answer)).collect::<Result<_>>()?)
        }
        Kind::Properties => View::Properties(answer.pairs()?),
    };
    if !answer.0.is_empty() {
        bail!("{} bytes of an answer are left", answer.0.len());
    }
    Ok(view)
}

struct Answer<'a>(&'a [u8]);

impl Answer<'_> {
    fn bytes<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk::<N>().context("an answer is cut off")?;
        self.0 = rest;
        Ok(*bytes)
    }

    fn int(&mut self) -> Result<i32> {
        self.bytes().map(i32::from_be_bytes)
    }

    fn long(&mut self) -> Result<i64> {
        self.bytes().map(i64::from_be_bytes)
    }

    fn array(&mut self) -> Result<Vec<u8>> {
        let len = usize::try_from(self.int()?)?;
        let (bytes, rest) = self.0.split_at_checked(len).context("an answer is cut off")?;
        self.0 = rest;
        Ok(bytes.to_vec())
    }

    fn text(&mut self) -> Result<Option<String>> {
        if self.0.starts_with(&[0xFF; 4]) {
            self.int()?;
            return Ok(None);
        }
        Ok(Some(String::from_utf8(self.array()?)?))
    }

    fn pairs(&mut self) -> Result<Pairs> {
        let count = self.int()?;
        let mut pairs = Pairs::new();
        for _ in 0..count {
            // A null value stands for a field that is not there.
            if let (Some(name), Some(value)) = (self.text()?, self.text()?) {
                pairs.insert(name, value);
            }
        }
        Ok(pairs)
    }

    fn host(&mut self) -> Result<Host> {
        Ok((self.array()?, self.int()?))
    }
}
