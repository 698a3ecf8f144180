//! The curve of accuracy against the ball's radius, as a picture in SVG.

use std::fmt::Write;

use super::report::Evaluation;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 400.0;
/// Where the axes cross, and where they end.
const LEFT: f64 = 64.0;
const BOTTOM: f64 = 340.0;
const RIGHT: f64 = 500.0;
const TOP: f64 = 48.0;

/// A line's colours, which are told apart without red and green (Okabe and Ito, 2008).
const COLOURS: [&str; 7] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f",
];

/// The share of images that are told rightly against the radius, with its interval, and thinner that of each class. The clean images are at radius 0.
#[must_use]
pub fn plot(evaluation: &Evaluation) -> String {
    let mut radii = vec![0.0];
    let mut figures = vec![&evaluation.clean];
    for rung in evaluation.curve.iter().filter(|rung| rung.epsilon > 0.0) {
        radii.push(rung.epsilon);
        figures.push(&rung.figures);
    }
    let most = radii.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let x = |radius: f64| LEFT + (RIGHT - LEFT) * radius / most;
    let y = |share: f64| BOTTOM - (BOTTOM - TOP) * share;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    let attack = evaluation
        .adversarial
        .as_ref()
        .and_then(|f| f.attack.as_deref());
    // The last part of the name is the radius of the largest ball, which the axis has.
    let attack = attack.map(|name| name.split(", ε").next().unwrap_or(name));
    let title = format!("{}, {} images", evaluation.model, evaluation.images);
    text(&mut svg, (LEFT, 20.0), "start", &title);
    text(
        &mut svg,
        (LEFT, 36.0),
        "start",
        &short(attack.unwrap_or("clean")),
    );
    for tenth in [0, 2, 4, 6, 8, 10] {
        let share = f64::from(tenth) / 10.0;
        line(&mut svg, (LEFT, y(share)), (RIGHT, y(share)), "#ddd");
        let label = format!("{} %", 10 * tenth);
        text(&mut svg, (LEFT - 8.0, y(share) + 4.0), "end", &label);
    }
    line(&mut svg, (LEFT, TOP), (LEFT, BOTTOM), "#333");
    line(&mut svg, (LEFT, BOTTOM), (RIGHT, BOTTOM), "#333");
    let mut last = f64::NEG_INFINITY;
    for &radius in &radii {
        line(
            &mut svg,
            (x(radius), BOTTOM),
            (x(radius), BOTTOM + 5.0),
            "#333",
        );
        // Labels that would run into each other are left out.
        if x(radius) - last >= 44.0 {
            let label = format!("{}", (radius * 1e4).round() / 1e4);
            text(&mut svg, (x(radius), BOTTOM + 20.0), "middle", &label);
            last = x(radius);
        }
    }
    text(
        &mut svg,
        (0.5 * (LEFT + RIGHT), BOTTOM + 42.0),
        "middle",
        "ε",
    );

    let bounds: Option<Vec<[f64; 2]>> = figures
        .iter()
        .map(|f| f.intervals.as_ref().map(|i| i.accuracy))
        .collect();
    if let Some(bounds) = bounds {
        let upper = radii.iter().zip(&bounds).map(|(r, b)| (x(*r), y(b[1])));
        let lower = radii.iter().zip(&bounds).map(|(r, b)| (x(*r), y(b[0])));
        let lower: Vec<_> = lower.collect();
        let around: Vec<_> = upper.chain(lower.into_iter().rev()).collect();
        let _ = writeln!(
            svg,
            "<polygon points=\"{}\" fill=\"#000\" fill-opacity=\"0.12\"/>",
            points(&around)
        );
    }
    let mut legend = TOP + 8.0;
    let mut curve = |name: &str, shares: Vec<Option<f64>>, colour: &str, width: f64| {
        let places = radii.iter().zip(shares);
        let places: Vec<_> = places.filter_map(|(r, s)| Some((x(*r), y(s?)))).collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\"/>",
            points(&places)
        );
        let _ = writeln!(
            svg,
            "<line x1=\"{0}\" y1=\"{legend}\" x2=\"{1}\" y2=\"{legend}\" stroke=\"{colour}\" stroke-width=\"{width}\"/>",
            RIGHT + 16.0,
            RIGHT + 36.0
        );
        text(&mut svg, (RIGHT + 42.0, legend + 4.0), "start", name);
        legend += 18.0;
    };
    let all = figures.iter().map(|f| Some(f.accuracy)).collect();
    curve("all", all, "#000", 2.5);
    // More classes than colours would not be told apart.
    if evaluation.classes.len() <= COLOURS.len() {
        for (class, (code, colour)) in evaluation.classes.iter().zip(COLOURS).enumerate() {
            let shares = figures.iter().map(|f| f.class_accuracy[class]);
            curve(code, shares.collect(), colour, 1.2);
        }
    }
    svg + "</svg>\n"
}

/// As much of a long name as fits above the plot.
fn short(name: &str) -> String {
    const MOST: usize = 90;
    if name.chars().count() <= MOST {
        return name.to_owned();
    }
    name.chars().take(MOST - 1).chain(['…']).collect()
}

fn points(places: &[(f64, f64)]) -> String {
    let places = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}"));
    places.collect::<Vec<_>>().join(" ")
}

fn line(svg: &mut String, from: (f64, f64), to: (f64, f64), colour: &str) {
    let _ = writeln!(
        svg,
        "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{colour}\"/>",
        from.0, from.1, to.0, to.1
    );
}

fn text(svg: &mut String, at: (f64, f64), anchor: &str, words: &str) {
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
        at.0,
        at.1,
        escaped(words)
    );
}

/// Names of files and classes are anything; what XML does not allow at all is left out.
fn escaped(words: &str) -> String {
    let mut text = String::new();
    for character in words.chars() {
        match character {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            other if other.is_control() || matches!(other, '\u{fffe}' | '\u{ffff}') => {}
            other => text.push(other),
        }
    }
    text
}
