//! How `status` shows profiles to people: a table, what is wrong with a profile below its row. Where the terminal is too
//! narrow for that, the place of the secret is cut; where that is not enough, each profile is a list. Pure.

use std::path::{MAIN_SEPARATOR, Path};

use super::Line;
use crate::terminal::{Colour, Palette};
use crate::text::from_now;
use crate::text::line;

/// The headings of the columns.
const HEADINGS: [&str; 6] = ["PROFILE", "TENANT", "CLIENT", "SECRET", "TOKEN", "EXPIRES"];

/// The column of the secret's place, whose paths are the longest of what is shown.
const SECRET: usize = 3;

/// The column of the state, which is coloured.
const TOKEN: usize = 4;

/// Characters to which the place of a secret is cut at most.
const SHORTEST_PLACE: usize = 12;

/// Between two columns.
const GAP: &str = "  ";

/// Where and how profiles are shown.
pub(super) struct Layout<'a> {
    /// What is shown as `~`.
    pub(super) home: Option<&'a Path>,
    /// Columns of the terminal; `None` where nothing limits a line.
    pub(super) columns: Option<usize>,
    /// Colours.
    pub(super) palette: Palette,
}

/// What a row shows of a profile.
struct Row {
    /// See [`HEADINGS`].
    cells: [String; 6],
    /// How good that is.
    colour: Colour,
    /// What is wrong with it.
    troubles: Vec<String>,
}

impl Row {
    /// What is wrong, each in a line of its own.
    fn below(&self) -> String {
        self.troubles.iter().map(|trouble| line(&format!("{GAP}{trouble}"))).collect()
    }
}

impl Layout<'_> {
    /// All profiles.
    pub(super) fn show(&self, lines: &[Line]) -> String {
        let mut rows: Vec<Row> = lines.iter().map(|line| self.row(line)).collect();
        let whole = widths(&rows);
        let room = self.columns.map(|columns| room_for_place(&whole, columns));
        match room {
            Some(room) if room < whole[SECRET].min(SHORTEST_PLACE) => return self.lists(&rows),
            Some(room) => rows.iter_mut().for_each(|row| row.cells[SECRET] = cut(&row.cells[SECRET], room)),
            None => {}
        }
        self.table(&rows)
    }

    /// A row for each profile, under headings.
    fn table(&self, rows: &[Row]) -> String {
        let widths = widths(rows);
        let headings = join(&HEADINGS.map(str::to_owned), &widths);
        let mut lines = vec![self.palette.paint(Colour::Bold, headings.trim_end()), "\n".to_owned()];
        lines.extend(rows.iter().map(|row| {
            let [.., state, expiry] = &row.cells;
            let padding = " ".repeat(widths[TOKEN] - state.chars().count());
            let painted = self.palette.paint(row.colour, state);
            let before = join(&row.cells[..TOKEN], &widths);
            format!("{before}{GAP}{painted}{padding}{GAP}{expiry}\n{}", row.below())
        }));
        lines.concat()
    }

    /// A list for each profile: its state, then the rest line by line.
    fn lists(&self, rows: &[Row]) -> String {
        let list = |row: &Row| {
            let [name, tenant, client, secret, state, expiry] = &row.cells;
            let expiry = match expiry.as_str() {
                "-" => String::new(),
                ahead if ahead.starts_with("in ") => format!(", expires {ahead}"),
                past if state == "expired" => format!(" {past}"),
                past => format!(", expired {past}"),
            };
            let name = self.palette.paint(Colour::Bold, name);
            let state = self.palette.paint(row.colour, if state == "none" { "no token" } else { state });
            let known =
                [("tenant", tenant), ("client", client), ("secret", secret)].into_iter().filter(|(_, is)| *is != "-");
            let rest: Vec<String> = known.map(|(what, is)| format!("{GAP}{what}{GAP}{is}\n")).collect();
            format!("{name}{GAP}{state}{expiry}\n{}{}", rest.concat(), row.below())
        };
        rows.iter().map(list).collect::<Vec<_>>().concat()
    }

    /// What is shown of a profile.
    fn row(&self, line: &Line) -> Row {
        let (state, colour) = state(line);
        let tenant = line.tenant.as_deref().map(|url| url.trim_start_matches("https://"));
        let name = if line.default { format!("{} (default)", line.profile) } else { line.profile.clone() };
        let place = line.client_secret.as_deref().map(|place| self.below_home(place));
        let or_none = |text: Option<&str>| text.map_or_else(|| "-".to_owned(), clean);
        let (client, place) = (or_none(line.client_id.as_deref()), or_none(place.as_deref()));
        Row {
            cells: [clean(&name), or_none(tenant), client, place, state.to_owned(), expiry(line)],
            colour,
            troubles: troubles(line),
        }
    }

    /// `file ~/secret` for `file /home/ana/secret`.
    fn below_home(&self, place: &str) -> String {
        let below = |home: &Path| {
            let path = Path::new(place.strip_prefix("file ")?).strip_prefix(home).ok()?;
            Some(format!("file ~{MAIN_SEPARATOR}{}", path.display()))
        };
        self.home.filter(|home| home.parent().is_some()).and_then(below).unwrap_or_else(|| place.to_owned())
    }
}

/// The state of a profile in words, and how good that is.
fn state(line: &Line) -> (&'static str, Colour) {
    match line.token {
        "fresh" => ("fresh", Colour::Green),
        "expiring" | "due" => ("renews soon", Colour::Green),
        "none" | "expired" if line.retry_in.is_some() => ("backed off", Colour::Red),
        "expired" => ("expired", Colour::Yellow),
        "none" => ("none", Colour::Yellow),
        _ => ("invalid", Colour::Red),
    }
}

/// When the token ends. The last seconds, in which it is not handed out any more, are no future.
fn expiry(line: &Line) -> String {
    let ended = line.token == "expired";
    line.left.map_or_else(|| "-".to_owned(), |left| from_now(if ended { left.min(0) } else { left }))
}

/// What is wrong with a profile, one sentence each.
fn troubles(line: &Line) -> Vec<String> {
    let mut troubles = Vec::new();
    troubles.extend(
        line.cache_problem
            .as_ref()
            .map(|why| format!("what is cached is not used, the next call gets a new token: {why}")),
    );
    if line.token == "expired" && line.left.is_none() {
        troubles.push("the system clock stands before the time at which the token was issued".to_owned());
    }
    if line.renewal_unfinished {
        troubles.push("a renewal is under way or was cut off; the next one goes by the client secret".to_owned());
    }
    if let Some(problem) = &line.problem {
        troubles.push(match (line.retry_in, line.failed) {
            (_, Some(failed)) if line.token == "fresh" => format!("{problem}, {}", from_now(-failed.max(0))),
            (Some(seconds), _) => {
                let at = line.retry_at.as_ref().and_then(|at| at.get(11..19)).unwrap_or_default();
                format!("{problem}, next attempt {} ({at} UTC)", from_now(seconds))
            }
            (None, Some(failed)) => format!("{problem}, {}; the next call tries again", from_now(-failed.max(0))),
            (None, None) => problem.clone(),
        });
    }
    troubles
}

/// The widths of the columns, headings included.
fn widths(rows: &[Row]) -> [usize; 6] {
    let width = |column: usize| rows.iter().map(|row| row.cells[column].chars().count()).max().unwrap_or(0);
    std::array::from_fn(|column| width(column).max(HEADINGS[column].len()))
}

/// How wide the place of a secret may be on a terminal of so many columns.
fn room_for_place(widths: &[usize; 6], columns: usize) -> usize {
    let others: usize = widths.iter().sum::<usize>() - widths[SECRET];
    columns.saturating_sub(others + GAP.len() * (widths.len() - 1))
}

/// Cells one beside the other, each as wide as its column.
fn join(cells: &[String], widths: &[usize]) -> String {
    let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
    padded.collect::<Vec<_>>().join(GAP)
}

/// The place of a secret in so many characters: what it is, and the end of its path.
fn cut(place: &str, room: usize) -> String {
    let length = place.chars().count();
    if length <= room {
        return place.to_owned();
    }
    let kind = place.split_inclusive(' ').next().unwrap_or_default();
    let left = room.saturating_sub(kind.chars().count() + 1);
    if left == 0 {
        return place.chars().take(room.saturating_sub(1)).chain(['…']).collect();
    }
    let end: String = place.chars().skip(length - left).collect();
    // Whole names are better read than halves of them.
    let whole = end.find(MAIN_SEPARATOR).filter(|at| at + 1 < end.len()).map_or(end.as_str(), |at| &end[at..]);
    format!("{kind}…{whole}")
}

/// A text without control characters, and not without end.
fn clean(text: &str) -> String {
    line(text).trim_end_matches('\n').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A profile with a fresh token.
    fn fresh(name: &str) -> Line {
        Line {
            profile: name.to_owned(),
            tenant: Some("https://acme.example.com".to_owned()),
            client_id: Some("ci-bot".to_owned()),
            client_secret: Some("file /home/ana/.config/ws1-token/prod.secret".to_owned()),
            token: "fresh",
            left: Some(8000),
            ..Line::default()
        }
    }

    /// One of every state.
    fn all() -> Vec<Line> {
        let failing = |line: Line| Line { problem: Some("HTTP 401 invalid_client".to_owned()), ..line };
        let backed_off = Line {
            retry_in: Some(42),
            retry_at: Some("2026-11-24T14:03:10Z".to_owned()),
            failed: Some(18),
            ..failing(fresh("d"))
        };
        vec![
            Line { default: true, ..fresh("prod") },
            Line { token: "due", left: Some(100), ..fresh("a") },
            Line { token: "expired", left: Some(4), client_secret: Some("environment A".to_owned()), ..fresh("b") },
            Line { token: "expired", left: Some(-720), renewal_unfinished: true, ..fresh("c") },
            Line { token: "expired", left: None, ..fresh("clock") },
            Line { left: Some(700), ..backed_off.clone() },
            Line { left: Some(70), token: "due", ..backed_off.clone() },
            Line { token: "none", left: None, profile: "e".to_owned(), ..backed_off },
            Line { token: "none", left: None, failed: Some(7200), client_secret: None, ..failing(fresh("f")) },
            Line {
                token: "none",
                left: None,
                cache_problem: Some("the cache entry is damaged".to_owned()),
                ..fresh("g")
            },
            Line {
                profile: "x\u{1b}[2J".to_owned(),
                token: "invalid",
                problem: Some("bad\nline".to_owned()),
                ..Line::default()
            },
        ]
    }

    fn shown(lines: &[Line], columns: Option<usize>) -> String {
        Layout { home: Some(Path::new("/home/ana")), columns, palette: Palette::PLAIN }.show(lines)
    }

    #[test]
    fn a_table_where_there_is_room() {
        insta::assert_snapshot!(shown(&all(), None), @r"
        PROFILE         TENANT            CLIENT  SECRET                                TOKEN        EXPIRES
        prod (default)  acme.example.com  ci-bot  file ~/.config/ws1-token/prod.secret  fresh        in 2 h 13 min
        a               acme.example.com  ci-bot  file ~/.config/ws1-token/prod.secret  renews soon  in 1 min 40 s
        b               acme.example.com  ci-bot  environment A                         expired      now
        c               acme.example.com  ci-bot  file ~/.config/ws1-token/prod.secret  expired      12 min ago
          a renewal is under way or was cut off; the next one goes by the client secret
        clock           acme.example.com  ci-bot  file ~/.config/ws1-token/prod.secret  expired      -
          the system clock stands before the time at which the token was issued
        d               acme.example.com  ci-bot  file ~/.config/ws1-token/prod.secret  fresh        in 11 min
          HTTP 401 invalid_client, 18 s ago
        d               acme.example.com  ci-bot  file ~/.config/ws1-token/prod.secret  renews soon  in 1 min 10 s
          HTTP 401 invalid_client, next attempt in 42 s (14:03:10 UTC)
        e               acme.example.com  ci-bot  file ~/.config/ws1-token/prod.secret  backed off   -
          HTTP 401 invalid_client, next attempt in 42 s (14:03:10 UTC)
        f               acme.example.com  ci-bot  -                                     none         -
          HTTP 401 invalid_client, 2 h ago; the next call tries again
        g               acme.example.com  ci-bot  file ~/.config/ws1-token/prod.secret  none         -
          what is cached is not used, the next call gets a new token: the cache entry is damaged
        x?[2J           -                 -       -                                     invalid      -
          bad?line
        ");
        assert_eq!(shown(&all(), Some(200)), shown(&all(), None));
    }

    #[test]
    fn the_place_of_the_secret_gives_way_first() {
        let two = [all()[0].clone(), Line { client_secret: Some("command pass".to_owned()), ..fresh("staging") }];
        insta::assert_snapshot!(shown(&two, Some(80)), @r"
        PROFILE         TENANT            CLIENT  SECRET            TOKEN  EXPIRES
        prod (default)  acme.example.com  ci-bot  file …rod.secret  fresh  in 2 h 13 min
        staging         acme.example.com  ci-bot  command pass      fresh  in 2 h 13 min
        ");
        for columns in 75..200 {
            let table = shown(&all(), Some(columns));
            let rows = table.lines().filter(|line| !line.starts_with(GAP));
            assert!(rows.map(|row| row.chars().count()).all(|width| width <= columns), "{columns}:\n{table}");
        }
    }

    #[test]
    fn lists_where_there_is_no_room_for_a_table() {
        let some = [0, 3, 7, 8, 10].map(|at| all()[at].clone());
        insta::assert_snapshot!(shown(&some, Some(40)), @r"
        prod (default)  fresh, expires in 2 h 13 min
          tenant  acme.example.com
          client  ci-bot
          secret  file ~/.config/ws1-token/prod.secret
        c  expired 12 min ago
          tenant  acme.example.com
          client  ci-bot
          secret  file ~/.config/ws1-token/prod.secret
          a renewal is under way or was cut off; the next one goes by the client secret
        e  backed off
          tenant  acme.example.com
          client  ci-bot
          secret  file ~/.config/ws1-token/prod.secret
          HTTP 401 invalid_client, next attempt in 42 s (14:03:10 UTC)
        f  no token
          tenant  acme.example.com
          client  ci-bot
          HTTP 401 invalid_client, 2 h ago; the next call tries again
        x?[2J  invalid
          bad?line
        ");
    }

    #[test]
    fn places_are_cut_to_whole_names() {
        for (room, expected) in [
            (30, "file ~/all/ws1-token/me.secret"),
            (29, "file …/ws1-token/me.secret"),
            (26, "file …/ws1-token/me.secret"),
            (25, "file …/me.secret"),
            (16, "file …/me.secret"),
            (15, "file …me.secret"),
            (12, "file …secret"),
        ] {
            assert!(cut("environment NAME", room).chars().count() <= room);
            let place = cut("file ~/all/ws1-token/me.secret", room).replace(MAIN_SEPARATOR, "/");
            assert_eq!(place, expected, "{room}");
        }
    }

    #[test]
    fn only_paths_below_home_are_shortened() {
        let shown = |home: &str, place: &str| {
            Layout { home: Some(Path::new(home)), columns: None, palette: Palette::PLAIN }.below_home(place)
        };
        let whole = "file /home/ana/s";
        assert_eq!(shown("/home/ana", whole).replace(MAIN_SEPARATOR, "/"), "file ~/s");
        for (home, place) in
            [("/home/an", whole), ("/", whole), ("/home/ana", "command /home/ana/s"), ("/home/ana", "keychain")]
        {
            assert_eq!(shown(home, place), place);
        }
    }
}
