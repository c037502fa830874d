//! Colours and lines of all charts. A page takes them as variables, light and dark; a picture, which knows no variables, has the
//! light ones in their place.

/// Names of the colours: with their values in light and in dark. Text has a contrast of at least 4.5 on its ground.
const COLOURS: [(&str, &str, &str); 9] = [
    ("--paper", "#ffffff", "#12171d"),
    ("--panel", "#f6f8fa", "#1a2129"),
    ("--ink", "#1b2631", "#e6ebf0"),
    ("--faint", "#55626f", "#a3b0bd"),
    ("--line", "#d5dce3", "#344150"),
    ("--model", "#c2410c", "#fb923c"),
    ("--exact", "#9ebcd6", "#35546f"),
    ("--exact-edge", "#42709c", "#7fb2de"),
    ("--link", "#1f5f99", "#8cc0ee"),
];

/// Size of letters at axes.
pub const LETTERS: f64 = 11.0;

/// How the parts of a chart look.
const RULES: &str = "\
svg text { fill: var(--faint); font-size: 11px; font-family: system-ui, -apple-system, 'Segoe UI', 'Noto Sans', sans-serif; }
svg .name { fill: var(--ink); }
svg .tag { fill: var(--ink); font-weight: bold; stroke: var(--panel); stroke-width: 3; paint-order: stroke; }
svg .number { fill: var(--model); }
svg .grid { stroke: var(--line); stroke-width: 1; }
svg .axis { stroke: var(--faint); stroke-width: 1; }
svg .frame { fill: none; stroke: var(--line); stroke-width: 1; }
svg .area { fill: var(--exact); stroke: var(--exact-edge); stroke-width: 1; }
svg .band { fill: var(--exact-edge); fill-opacity: .16; stroke: var(--exact-edge); stroke-opacity: .55; stroke-width: .8; }
svg .line { fill: none; stroke: var(--model); stroke-width: 2; stroke-linejoin: round; }
svg .dots { fill: none; stroke: var(--model); stroke-width: 2.2; stroke-linecap: round; stroke-opacity: .5; }
";

/// For a page: colours as variables, and the rules.
pub fn of_page() -> String {
    let colours = |pick: fn(&(&str, &str, &str)) -> String| COLOURS.iter().map(pick).collect::<String>();
    let light = colours(|(name, light, _)| format!("{name}:{light};"));
    let dark = colours(|(name, _, dark)| format!("{name}:{dark};"));
    format!(":root{{{light}}}\n@media (prefers-color-scheme: dark){{:root{{{dark}}}}}\n{RULES}")
}

/// For a picture: the rules in light colours, with what only pictures have.
pub fn of_picture() -> String {
    let rules = format!(
        "{RULES}svg .paper {{ fill: var(--paper); }}\nsvg .title {{ fill: var(--ink); font-size: 20px; font-weight: bold; }}\n\
         svg .heading {{ fill: var(--ink); font-size: 13px; font-weight: bold; }}\nsvg .said {{ font-size: 12px; }}\n"
    );
    COLOURS.iter().fold(rules, |rules, (name, light, _)| rules.replace(&format!("var({name})"), light))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_no_variables_and_a_page_defines_all_it_uses() {
        assert!(!of_picture().contains("var("));
        let page = of_page();
        for used in page.split("var(").skip(1).filter_map(|rest| rest.split(')').next()) {
            assert_eq!(page.matches(&format!("{used}:")).count(), 2, "{used}");
        }
    }
}
