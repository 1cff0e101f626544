//! Strategies of one's own: written, read back, changed by two people at once, removed.

use crate::support::{Answer, Server, folder};
use serde_json::json;
use std::path::Path;

const FIRST: &str = "name: Mine\nentry: {long: close > open}   # first\n";
const SECOND: &str = "name: Mine\nentry: {long: close < open}   # second\n";

fn put(server: &Server, name: &str, yaml: &str, headers: &[(&str, &str)]) -> Answer {
    let body = json!({ "strategy": yaml }).to_string();
    server.request_with("PUT", &format!("/strategies/{name}"), Some(&body), headers)
}

fn code(answer: &Answer) -> String {
    answer.json()["code"].as_str().unwrap_or_default().to_owned()
}

fn history(data: &Path, name: &str) -> Vec<String> {
    let folder = data.join("strategies/.history").join(name);
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    files.sort();
    files
        .iter()
        .map(|file| std::fs::read_to_string(file).expect("a text"))
        .collect()
}

#[test]
fn a_strategy_is_saved_read_run_changed_and_removed() {
    let data = folder();
    let server = Server::start(data.path());
    let made = put(&server, "mine", FIRST, &[("If-None-Match", "*")]);
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.json()["source"], FIRST);
    assert_eq!(made.json()["builtin"], false);
    let first = made.header("etag").expect("a version").to_owned();

    let read = server.get("/strategies/mine");
    assert_eq!(read.header("etag"), Some(first.as_str()));
    assert_eq!(read.json()["source"], FIRST, "to the last character");
    let session = server.start_session(&json!({"strategy": "mine", "speed": 0}));

    let changed = put(&server, "mine", SECOND, &[("If-Match", &first)]);
    assert_eq!(changed.status, 200, "{}", changed.body);
    assert_ne!(changed.header("etag"), Some(first.as_str()));
    assert_eq!(
        history(data.path(), "mine"),
        [FIRST],
        "the text before it is kept"
    );

    let again = put(&server, "mine", SECOND, &[]);
    assert_eq!(again.status, 200, "the same once more is no change");
    assert_eq!(history(data.path(), "mine"), [FIRST]);

    assert_eq!(server.delete("/strategies/mine").status, 204);
    assert_eq!(server.get("/strategies/mine").status, 404);
    assert_eq!(code(&server.delete("/strategies/mine")), "unknown_strategy");
    assert_eq!(history(data.path(), "mine"), [FIRST, SECOND]);
    let session = server.get(&format!("/sessions/{session}"));
    assert_eq!(session.status, 200, "what runs it goes on");
    server.stop();
}

#[test]
fn earlier_versions_are_listed_compared_and_restored() {
    let data = folder();
    let server = Server::start(data.path());
    assert_eq!(put(&server, "mine", FIRST, &[]).status, 201);
    assert_eq!(server.get("/strategies/mine/versions").json()["items"], json!([]));
    assert_eq!(put(&server, "mine", SECOND, &[]).status, 200);

    let list = server.get("/strategies/mine/versions").json();
    let [kept] = list["items"].as_array().expect("items").as_slice() else {
        panic!("one earlier text: {list}");
    };
    assert_eq!((&kept["added"], &kept["removed"]), (&json!(1), &json!(1)));
    let version = kept["version"].as_str().expect("a version");
    let one = server.get(&format!("/strategies/mine/versions/{version}")).json();
    assert_eq!(one["source"], FIRST, "to the last character");
    let lines: Vec<_> = one["changes"]
        .as_array()
        .expect("lines")
        .iter()
        .map(|it| it["kind"].clone())
        .collect();
    assert_eq!(lines, ["same", "removed", "added"]);

    // Restored, the first is the present text again, and the second is in the history; the same text is there once.
    assert_eq!(put(&server, "mine", FIRST, &[]).status, 200);
    assert_eq!(put(&server, "mine", SECOND, &[]).status, 200);
    assert_eq!(put(&server, "mine", FIRST, &[]).status, 200);
    let list = server.get("/strategies/mine/versions").json();
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1), "{list}");

    for (path, wanted) in [
        ("/strategies/nothing/versions", "unknown_strategy"),
        ("/strategies/nothing/versions/1", "unknown_strategy"),
        ("/strategies/mine/versions/0000", "unknown_version"),
        ("/strategies/mine/versions/..%2F..%2Fmine", "unknown_version"),
    ] {
        let answer = server.get(path);
        assert_eq!((answer.status, code(&answer).as_str()), (404, wanted), "{path}");
    }
    assert_eq!(
        server.get("/strategies/sma-cross/versions").json()["items"],
        json!([])
    );
    server.stop();
}

#[test]
fn a_strategy_tells_what_is_likely_a_mistake() {
    let data = folder();
    let server = Server::start(data.path());
    let never = "name: Mine\nentry:\n  long: rsi(close, 14) > 100\n";
    let made = put(&server, "mine", never, &[]);
    assert_eq!(made.status, 201, "{}", made.body);
    let warnings = made.json()["warnings"].as_array().cloned().expect("a list");
    assert!(
        warnings
            .iter()
            .any(|it| it.as_str().is_some_and(|it| it.contains("never"))),
        "{warnings:?}"
    );
    assert_eq!(server.get("/strategies/sma-cross").json()["warnings"], json!([]));
    server.stop();
}

#[test]
fn of_two_people_the_second_is_told() {
    let data = folder();
    let server = Server::start(data.path());
    let made = put(&server, "shared", FIRST, &[]);
    let version = made.header("etag").expect("a version").to_owned();
    assert_eq!(
        put(&server, "shared", SECOND, &[("If-Match", &version)]).status,
        200
    );
    let late = put(&server, "shared", FIRST, &[("If-Match", &version)]);
    assert_eq!(
        (late.status, code(&late).as_str()),
        (412, "strategy_changed"),
        "{}",
        late.body
    );
    assert_eq!(server.get("/strategies/shared").json()["source"], SECOND);
    let taken = put(&server, "shared", FIRST, &[("If-None-Match", "*")]);
    assert_eq!((taken.status, code(&taken).as_str()), (409, "strategy_exists"));
    let gone = server.request_with("DELETE", "/strategies/shared", None, &[("If-Match", &version)]);
    assert_eq!(gone.status, 412);
    let nothing = put(&server, "nothing", FIRST, &[("If-Match", &version)]);
    assert_eq!(
        nothing.status, 412,
        "there is no such version of what is not there"
    );
}

#[test]
fn what_cannot_be_kept_is_refused_and_nothing_is_written() {
    let data = folder();
    let server = Server::start(data.path());
    let large = format!("{FIRST}# {}\n", "x".repeat(256 * 1024));
    let huge = "x".repeat(1024 * 1024);
    for (name, yaml, status, expected, field) in [
        ("Mine", FIRST, 422, "invalid_request", "name"),
        ("a.b", FIRST, 422, "invalid_request", "name"),
        ("..%2Fx", FIRST, 422, "invalid_request", "name"),
        ("%2e%2e", FIRST, 422, "invalid_request", "name"),
        ("new", FIRST, 422, "invalid_request", "name"),
        ("-x", FIRST, 422, "invalid_request", "name"),
        // Where the bracket is missed: at the end of the text.
        ("mine", "name: [", 422, "invalid_strategy", "strategy:1:8"),
        (
            "mine",
            "name: x\nentry: {long: close >}\n",
            422,
            "invalid_strategy",
            "strategy:2:",
        ),
        ("mine", "", 422, "invalid_strategy", "strategy:1:1"),
        ("mine", &large, 422, "invalid_strategy", "strategy:1:1"),
        ("mine", &huge, 413, "body_too_large", ""),
        ("sma-cross", FIRST, 409, "builtin_strategy", ""),
    ] {
        let answer = put(&server, name, yaml, &[]);
        assert_eq!(
            (answer.status, code(&answer).as_str()),
            (status, expected),
            "{name}: {}",
            answer.body
        );
        let path = answer.json()["errors"][0]["path"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert!(path.starts_with(field), "{name}: {path}");
    }
    let builtin = server.delete("/strategies/sma-cross");
    assert_eq!(
        (builtin.status, code(&builtin).as_str()),
        (409, "builtin_strategy")
    );
    let unknown = server.request(
        "PUT",
        "/strategies/mine",
        Some(r#"{"strategy": "x", "name": "y"}"#),
    );
    assert_eq!(code(&unknown), "invalid_request");
    let folder = data.path().join("strategies");
    assert!(!folder.exists() || std::fs::read_dir(folder).expect("a folder").next().is_none());
}
