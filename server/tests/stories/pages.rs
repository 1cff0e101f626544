//! The dashboard's pages as the server renders them.

use crate::support::{Server, folder, papertape};
use std::fs::File;

/// Who asks at the same time, and how often each.
const READERS: usize = 8;
const TIMES: usize = 12;

#[test]
fn pages_that_many_ask_for_at_once_come_whole() {
    let data = folder();
    let log = data.path().join("stderr.log");
    let mut command = papertape();
    command.stderr(File::create(&log).expect("a file"));
    let server = Server::start_as(command, data.path(), &[]);
    // The server renders a page with several threads: none may need the one that has begun it.
    let paths = [
        "//",
        "//strategies",
        "//strategies/new",
        "//strategies/sma-cross",
        "//sessions",
        "//feeds",
    ];
    std::thread::scope(|scope| {
        for _ in 0..READERS {
            scope.spawn(|| {
                for path in paths.iter().cycle().take(TIMES * paths.len()) {
                    let answer = server.get(path);
                    assert_eq!(answer.status, 200, "{path}");
                    assert!(answer.body.contains("</html>"), "{path} is whole");
                }
            });
        }
    });
    server.stop();
    let log = std::fs::read_to_string(&log).expect("text");
    assert!(!log.contains("panicked"), "{log}");
}
