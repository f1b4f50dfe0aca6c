//! `/k8s`: a cluster with one pod, enough for `kubectl get pods`.

use crate::http::Reply;
use crate::visit::Visit;
use serde_json::{Value, json};

/// Answers requests with a valid token.
pub(crate) fn answer(visit: &Visit, path: &[&str]) -> Reply {
    if visit.bearer_scope().is_none() {
        return status(401, "Unauthorized", "Unauthorized").header("WWW-Authenticate", "Bearer");
    }
    if !visit.request.reads() {
        return status(405, "MethodNotAllowed", "this cluster is read-only");
    }
    match path {
        ["version"] => ok(&json!({ "major": "1", "minor": "30", "gitVersion": "v1.30.0" })),
        ["api"] => ok(&json!({ "kind": "APIVersions", "versions": ["v1"] })),
        ["apis"] => ok(&json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": [] })),
        ["api", "v1"] => ok(&resources()),
        ["api", "v1", "pods"] | ["api", "v1", "namespaces", _, "pods"] => ok(&pods(visit, path)),
        _ => status(404, "NotFound", "the server could not find the requested resource"),
    }
}

/// A successful reply.
fn ok(value: &Value) -> Reply {
    Reply::json(200, value)
}

/// A failure as a Kubernetes `Status`.
fn status(code: u16, reason: &str, message: &str) -> Reply {
    let status = json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    });
    Reply::json(code, &status)
}

/// The resources of the core API.
fn resources() -> Value {
    json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": "v1",
        "resources": [{
            "name": "pods",
            "singularName": "pod",
            "namespaced": true,
            "kind": "Pod",
            "verbs": ["get", "list"],
            "shortNames": ["po"],
        }],
    })
}

/// The pods, as a `Table` if the request accepts one, else as a `PodList`.
fn pods(visit: &Visit, path: &[&str]) -> Value {
    let namespace = if let [_, _, _, namespace, _] = path { namespace } else { "default" };
    let metadata = json!({
        "name": "emulated",
        "namespace": namespace,
        "uid": "7f6c1d0a-0003-4000-8000-000000000003",
        "creationTimestamp": "2026-01-01T00:00:00Z",
    });
    if visit.request.header("accept").is_some_and(|accept| accept.contains("as=Table")) {
        return table(&metadata);
    }
    json!({
        "kind": "PodList",
        "apiVersion": "v1",
        "metadata": { "resourceVersion": "1" },
        "items": [{
            "metadata": metadata,
            "spec": { "containers": [{ "name": "main", "image": "example/main:1" }] },
            "status": { "phase": "Running" },
        }],
    })
}

/// The pod as a table of one row.
fn table(metadata: &Value) -> Value {
    let column = |name: &str| json!({ "name": name, "type": "string", "format": "", "description": "", "priority": 0 });
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": { "resourceVersion": "1" },
        "columnDefinitions": [column("Name"), column("Ready"), column("Status")],
        "rows": [{
            "cells": ["emulated", "1/1", "Running"],
            "object": { "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata },
        }],
    })
}
