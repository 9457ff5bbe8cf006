//! `hyfunc demo` as somebody without a terminal sees it, in a process of its own.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::path::Path;
use std::process::Command;

#[test]
fn without_a_terminal_it_is_plain_text_from_the_start_to_the_end() {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("demo");
    let output = Command::new(env!("CARGO_BIN_EXE_hyfunc"))
        .args(["demo", "--strict"])
        .env("XDG_CACHE_HOME", &cache)
        // A terminal that has colours would not change it: nothing is written to one.
        .env("TERM", "xterm-256color")
        .env_remove("NO_COLOR")
        .output()
        .unwrap();
    let (text, errors) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{errors}");
    assert!(!text.contains('\x1b'), "{text}");
    assert!(!errors.contains('\x1b'), "{errors}");
    for number in 1..=12 {
        assert!(text.contains(&format!("\n{number:>2}/12  ")), "request {number} in {text}");
    }
    for label in ["candidates", "template", "time"] {
        let shown = text.matches(&format!("\n  {label} ")).count();
        assert_eq!(shown, 12, "{label} in {text}");
    }
    for told in ["⟦", "«", "⟨", "\n12 of 12 right", "hyfunc serve", "curl ", "hyfunc plugin pack"]
    {
        assert!(text.contains(told), "`{told}` in {text}");
    }
    let (asked, closing) = text.split_once("Half of the requests took at most").unwrap();
    for step in ["accept", "distil", "retrieve", "decode", "dispatch", "respond"] {
        assert!(closing.contains(&format!("\n  {step} ")), "the times of {step} in {text}");
        let times = asked.lines().filter(|line| line.starts_with("  time "));
        let told = times.filter(|line| line.contains(&format!(" {step} "))).count();
        assert_eq!(told, 12, "{step} in {text}");
    }
}
