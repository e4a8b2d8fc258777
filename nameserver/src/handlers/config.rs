//! The KV config and the settings. Changes are on disk when they are acknowledged.

use crate::kv::ChangeError;
use crate::names::{check_key, cut, refuse};
use crate::service::{Client, NameServer, Outcome};
use crate::settings::{BadSetting, UpdateError, pairs};
use gantry_remoting::header::{FromFields as _, KvConfig, KvNamespace, PutKvConfig};
use gantry_remoting::reply::{Answer, Refusal};
use gantry_remoting::{Command, ResponseCode};
use std::sync::Arc;

/// The largest properties text that is looked at.
const MAX_PROPERTIES: usize = 64 * 1024;

/// PUT_KV_CONFIG.
pub(crate) fn put_kv(client: &Client, command: &Command<'_>) -> Result<Outcome, Refusal> {
    let PutKvConfig { namespace, key, value } = PutKvConfig::from_fields(command.ext)?;
    check_key("namespace", namespace)?;
    check_key("key", key)?;
    let (namespace, key, value) = (namespace.to_owned(), key.to_owned(), value.to_owned());
    tracing::info!(namespace, key, value, peer = %client.peer.addr(), "KV config put");
    let kv = Arc::clone(&client.server.kv);
    Ok(Outcome::After(Box::new(move || {
        kv.put(namespace, key, value)?;
        Ok(Answer::ok())
    })))
}

/// GET_KV_CONFIG.
pub(crate) fn get_kv(server: &NameServer, command: &Command<'_>) -> Result<Answer, Refusal> {
    let KvConfig { namespace, key } = KvConfig::from_fields(command.ext)?;
    match server.kv.get(namespace, key) {
        Some(value) => Ok(Answer::ok().with("value", value)),
        None => Err(not_found(format!("No config item, Namespace: {} Key: {}", cut(namespace), cut(key)))),
    }
}

/// DELETE_KV_CONFIG.
pub(crate) fn delete_kv(client: &Client, command: &Command<'_>) -> Result<Outcome, Refusal> {
    let KvConfig { namespace, key } = KvConfig::from_fields(command.ext)?;
    check_key("namespace", namespace)?;
    check_key("key", key)?;
    let (namespace, key) = (namespace.to_owned(), key.to_owned());
    tracing::info!(namespace, key, peer = %client.peer.addr(), "KV config deleted");
    let kv = Arc::clone(&client.server.kv);
    Ok(Outcome::After(Box::new(move || {
        kv.delete(&namespace, &key)?;
        Ok(Answer::ok())
    })))
}

/// GET_KVLIST_BY_NAMESPACE.
pub(crate) fn list_kv(server: &NameServer, command: &Command<'_>) -> Result<Answer, Refusal> {
    let KvNamespace { namespace } = KvNamespace::from_fields(command.ext)?;
    match server.kv.list(namespace) {
        Some(table) => Ok(Answer::ok().with_body(table)),
        None => Err(not_found(format!("No config item, Namespace: {}", cut(namespace)))),
    }
}

/// UPDATE_NAMESRV_CONFIG: properties text; all of it is applied or nothing.
pub(crate) fn update_settings(client: &Client, command: &Command<'_>) -> Result<Outcome, Refusal> {
    if command.body.len() > MAX_PROPERTIES {
        return Err(refuse(format!("the properties are longer than {MAX_PROPERTIES} bytes")));
    }
    let text = std::str::from_utf8(command.body).map_err(|_| refuse("the properties are not UTF-8"))?;
    let changes: Vec<_> = pairs(text).map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    if changes.is_empty() {
        return Ok(Answer::ok().into());
    }
    tracing::info!(?changes, peer = %client.peer.addr(), "settings update");
    let settings = Arc::clone(&client.server.settings);
    Ok(Outcome::After(Box::new(move || {
        settings.update(&changes)?;
        Ok(Answer::ok())
    })))
}

/// GET_NAMESRV_CONFIG.
pub(crate) fn show_settings(server: &NameServer) -> Answer {
    let settings = server.settings.get().entries().map(|(name, value)| format!("{name}={value}\n"));
    let text: String = settings.chain([format!("listenPort={}\n", server.addr.port())]).collect();
    Answer::ok().with_body(text)
}

fn not_found(text: String) -> Refusal {
    Refusal::new(ResponseCode::QUERY_NOT_FOUND, text)
}

impl From<ChangeError> for Refusal {
    fn from(error: ChangeError) -> Self {
        if let ChangeError::Io(error) = &error {
            tracing::error!(%error, "cannot write the KV config");
        }
        refuse(error.to_string())
    }
}

impl From<UpdateError> for Refusal {
    fn from(error: UpdateError) -> Self {
        let code = match &error {
            UpdateError::Bad(BadSetting::BlackListed) => ResponseCode::NO_PERMISSION,
            UpdateError::Bad(_) => ResponseCode::INVALID_PARAMETER,
            UpdateError::Io(error) => {
                tracing::error!(%error, "cannot write the settings");
                ResponseCode::SYSTEM_ERROR
            }
        };
        Self::new(code, error.to_string())
    }
}
