//! GET_ROUTEINFO_BY_TOPIC: what every client asks for every topic every 30 s.

use crate::kv::ORDER_TOPIC_CONFIG;
use crate::names::{cut, refuse};
use crate::service::{Client, Side};
use gantry_remoting::header::{FromFields as _, GetRouteInfo};
use gantry_remoting::reply::{Answer, Refusal};
use gantry_remoting::{Command, ResponseCode};
use std::sync::atomic::Ordering;

pub(crate) fn get(client: &Client, command: &Command<'_>) -> Result<Answer, Refusal> {
    let GetRouteInfo { topic, .. } = GetRouteInfo::from_fields(command.ext)?;
    let server = &client.server;
    server.counts.routes.fetch_add(1, Ordering::Relaxed);
    let settings = server.settings.get();
    if settings.wait_for_service().is_some_and(|wait| server.started.elapsed() < wait) {
        return Err(refuse("name server not ready"));
    }
    let routes = server.routes.read();
    let route = match client.side {
        Side::Inside => routes.route(topic, settings.support_acting_master),
        Side::Outside => routes.route_outside(topic, settings.support_acting_master),
    };
    drop(routes);
    let Some(mut route) = route else {
        // Clients act on the code (automatic creation, retry topics), people search for the text.
        let text = format!("No topic route info in name server for the topic: {}", cut(topic));
        return Err(Refusal::new(ResponseCode::TOPIC_NOT_EXIST, text));
    };
    if settings.order_message_enable {
        route.order_topic_conf = server.kv.get(ORDER_TOPIC_CONFIG, topic);
    }
    Ok(Answer::json(&route))
}
