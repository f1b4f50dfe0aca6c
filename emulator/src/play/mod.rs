//! Plays faults: turns a fault and the normal answer into what is sent.

mod replies;

use crate::delivery::Delivery;
use crate::fault::Fault;
use crate::gate::Stopped;
use crate::http::{Framing, Reply};
use crate::visit::Visit;
use replies::{endless, instead, oversize, pad_headers, patch};
use std::iter;
use std::time::Duration;

/// Plays `fault`; `answer` lets the tenant process the request and returns its reply.
pub(crate) fn apply(visit: &Visit, fault: Option<Fault>, answer: &dyn Fn() -> Reply) -> Delivery {
    try_apply(visit, fault, answer).unwrap_or(Delivery::Close)
}

/// [`apply`], or an error if the server stops during a wait.
fn try_apply(visit: &Visit, fault: Option<Fault>, answer: &dyn Fn() -> Reply) -> Result<Delivery, Stopped> {
    let gate = &visit.shared.gate;
    let Some(fault) = fault else {
        return Ok(Delivery::Reply(answer()));
    };
    Ok(match fault {
        Fault::Delay { ms } => {
            gate.pause(Duration::from_millis(ms))?;
            Delivery::Reply(answer())
        }
        Fault::DelayThen { ms, fault } => {
            gate.pause(Duration::from_millis(ms))?;
            try_apply(visit, Some(*fault), answer)?
        }
        Fault::Hang => {
            gate.wait_for_release()?;
            if visit.client_closed() { Delivery::Close } else { Delivery::Reply(answer()) }
        }
        Fault::HangAfterIssue => {
            let reply = answer();
            gate.wait_for_release()?;
            Delivery::Reply(reply)
        }
        Fault::ResetAfterIssue => {
            answer();
            Delivery::Reset
        }
        Fault::Reset => Delivery::Reset,
        Fault::CloseEmpty => Delivery::Close,
        Fault::EndlessChunked => Delivery::Bytes { status: 200, pieces: endless() },
        Fault::Oversize { bytes } => {
            Delivery::Bytes { status: 200, pieces: oversize(bytes, &visit.shared.clock.http_date()) }
        }
        Fault::Raw { bytes } => Delivery::Bytes { status: status_of(&bytes), pieces: Box::new(iter::once(bytes)) },
        Fault::Patch(_)
        | Fault::Drip { .. }
        | Fault::TruncateBody
        | Fault::CloseDelimited { .. }
        | Fault::HugeHeaders { .. } => distort(visit, fault, answer()),
        Fault::Status { .. }
        | Fault::Redirect { .. }
        | Fault::Html
        | Fault::Json(_)
        | Fault::GzipBomb
        | Fault::GarbageJson => Delivery::Reply(instead(fault)),
    })
}

/// Plays a fault that changes the normal reply.
fn distort(visit: &Visit, fault: Fault, reply: Reply) -> Delivery {
    let date = visit.shared.clock.http_date();
    let cut_off = |framing, cut: usize| {
        let mut bytes = reply.bytes(&date, framing);
        bytes.truncate(bytes.len() - cut.min(reply.body.len()));
        Delivery::Bytes { status: reply.status, pieces: Box::new(iter::once(bytes)) }
    };
    match fault {
        Fault::TruncateBody => cut_off(Framing::Close, reply.body.len().div_ceil(2)),
        Fault::CloseDelimited { cut } => cut_off(Framing::CloseDelimited, cut),
        Fault::Patch(fields) => Delivery::Reply(patch(reply, fields)),
        Fault::Drip { ms, part } => Delivery::Drip { reply, interval: Duration::from_millis(ms), part },
        Fault::HugeHeaders { bytes } => {
            Delivery::Bytes { status: reply.status, pieces: pad_headers(reply, bytes, &date) }
        }
        // `try_apply` passes no others.
        _ => Delivery::Reply(reply),
    }
}

/// The status in raw bytes; 0 if they are not HTTP.
fn status_of(bytes: &[u8]) -> u16 {
    let digits = bytes.strip_prefix(b"HTTP/1.1 ").or_else(|| bytes.strip_prefix(b"HTTP/1.0 "));
    digits
        .and_then(|digits| std::str::from_utf8(digits.get(..3)?).ok())
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_bytes_may_have_a_status() {
        assert_eq!(status_of(b"HTTP/1.1 503 No\r\n"), 503);
        assert_eq!(status_of(b"HTTP/1.1 5"), 0);
        assert_eq!(status_of(b"SSH-2.0"), 0);
    }
}
