//! `broker.conf`: any text is read or refused, and what the settings come to is read again as the same.
#![no_main]

use gantry_broker::BrokerConfig;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut config = BrokerConfig::new("/nowhere");
    if config.apply(text).is_err() {
        return;
    }
    let _ = config.store();
    let written = config.to_properties();
    let mut again = BrokerConfig::new("/nowhere");
    if again.apply(&written).is_ok() {
        let _ = again.to_properties();
    }
});
