//! Where a venue is, as it is configured. What is wrong with an address never repeats it: errors are logged and shown, and there may
//! be a key in it.

/// Refuses what is not the base of addresses: what does not begin as one of these and name a host, and what a key may stand in.
pub(crate) fn check_address(url: &str, schemes: &[&str]) -> Result<(), String> {
    let mut rests = schemes.iter().filter_map(|scheme| url.strip_prefix(scheme));
    if !rests.any(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#'])) {
        return Err(format!(
            "must begin with {} and name a host",
            schemes.join(" or ")
        ));
    }
    let extra = [
        ('@', "no user's name or password"),
        ('?', "nothing after a ?"),
        ('#', "nothing after a #"),
    ];
    match extra.iter().find(|(sign, _)| url.contains(*sign)) {
        Some((_, what)) => Err(format!(
            "is shown in errors and on pages, so it may hold {what}: keys belong into the environment (PAPERTAPE_<FEED>_KEY, \
             PAPERTAPE_<FEED>_SECRET) or the secrets file"
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_scheme_a_host_and_perhaps_a_path() {
        let check = |url| check_address(url, &["http://", "https://"]);
        for url in [
            "http://127.0.0.1:8080",
            "https://example.com/",
            "https://example.com/a/b",
            "http://[::1]:9",
        ] {
            assert_eq!(check(url), Ok(()), "{url}");
        }
        for url in [
            "",
            "example.com",
            "ws://example.com",
            "http://",
            "http:///a",
            "http://?k=v",
        ] {
            let problem = check(url).expect_err("it is none");
            assert_eq!(
                problem, "must begin with http:// or https:// and name a host",
                "{url}"
            );
        }
    }

    #[test]
    fn what_a_key_may_stand_in_is_refused_in_words_that_do_not_repeat_it() {
        for (url, what) in [
            ("http://user:hunter2@example.com", "no user's name or password"),
            ("https://hunter2@example.com/a", "no user's name or password"),
            ("https://example.com/a?token=hunter2", "nothing after a ?"),
            ("https://example.com#hunter2", "nothing after a #"),
        ] {
            let problem = check_address(url, &["http://", "https://"]).expect_err("refused");
            assert!(problem.contains(what), "{problem}");
            assert!(problem.contains("keys belong into the environment"), "{problem}");
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }
}
