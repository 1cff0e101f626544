//! What is left to others of a venue's limits.

use super::*;
use crate::venue::VenueConfig;

#[tokio::test]
async fn what_can_be_left_undone_leaves_half_of_the_limits() {
    let venue = crate::venues::open("kraken", VenueConfig::default()).expect("a venue");
    let mut traits = venue.expect("its defaults are fine").traits().clone();
    let every = Duration::from_secs(3_600);
    traits
        .limits
        .iter_mut()
        .for_each(|limit| (limit.weight, limit.every) = (10, every));
    let rest = Rest::new(
        "kraken",
        "http://127.0.0.1:1".to_owned(),
        &traits,
        None,
        Timestamp::EPOCH,
    );
    let rest = rest.expect("requests");
    for _ in 0..6 {
        assert!(rest.sparing().is_ok());
        rest.wait_for_budget(1).await.expect("there is room");
    }
    assert_eq!(
        rest.sparing().err().map(|error| error.code()),
        Some("no_request_free")
    );
    rest.wait_for_budget(4)
        .await
        .expect("whoever needs it has the other half");
}
