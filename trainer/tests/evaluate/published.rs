//! Attacks against published ones.

use serde_json::Value;

use super::{Bench, evaluate};

/// Images that may withstand ours and not the published attacks: both begin at random.
const BY_CHANCE: usize = 2;

/// Which images withstood an attack.
fn withstood(flags: &Value) -> Option<Vec<bool>> {
    Some(flags.as_str()?.chars().map(|flag| flag == '1').collect())
}

fn count(flags: &[bool]) -> usize {
    flags.iter().filter(|flag| **flag).count()
}

/// Which images withstand ours, by number.
fn ours(bench: &Bench, classes: u32, norm: &str, epsilon: &str, attack: &str) -> Vec<bool> {
    let arguments = format!(
        "{} --norm {norm} --epsilon {epsilon} {attack} --bootstrap 0 --csv table.csv",
        evaluate(classes)
    );
    let answer = bench.json(&arguments);
    let table = bench.table("table.csv");
    let flags: Vec<bool> = table
        .values()
        .map(|row| row[&format!("robust at {epsilon}")] == "1")
        .collect();
    let accuracy = answer["adversarial"]["accuracy"].as_f64().unwrap();
    assert!((accuracy - count(&flags) as f64 / flags.len() as f64).abs() < 1e-12);
    flags
}

/// The published attacks' settings but for Square's queries, of which 500 are enough here: it turns none that the others left.
fn compare(classes: u32, norm: &str, epsilon: &str) {
    let bench = Bench::new();
    let published: Value = serde_json::from_str(include_str!("published.json")).unwrap();
    let network = if classes == 3 { "three" } else { "five" };
    let published = &published[network][norm][epsilon];
    let attacks: Vec<Vec<bool>> = published
        .as_object()
        .unwrap()
        .values()
        .filter_map(withstood)
        .collect();
    assert!(attacks.len() >= 4);
    let theirs: Vec<bool> = (0..attacks[0].len())
        .map(|image| attacks.iter().all(|attack| attack[image]))
        .collect();
    let ensemble = "--attack autoattack --queries 500";
    let found = ours(&bench, classes, norm, epsilon, ensemble);
    assert_eq!(found.len(), theirs.len());
    assert!(
        count(&found) <= count(&theirs) + BY_CHANCE,
        "{} withstand ours, {} the published attacks together",
        count(&found),
        count(&theirs)
    );
    let missed = found
        .iter()
        .zip(&theirs)
        .filter(|(ours, theirs)| **ours && !**theirs);
    assert!(missed.count() <= BY_CHANCE);
    // Nor may it find what is not there: what withstands every published attack can hardly be turned.
    let beyond = found
        .iter()
        .zip(&theirs)
        .filter(|(ours, theirs)| !**ours && **theirs);
    assert!(beyond.count() <= BY_CHANCE);

    // PGD finds as much as the published one, and no more than the ensemble.
    let descent = ours(&bench, classes, norm, epsilon, "--steps 50");
    let published = withstood(&published["PGD-50"]).unwrap();
    assert!(count(&descent).abs_diff(count(&published)) <= BY_CHANCE);
    let more = found
        .iter()
        .zip(&descent)
        .filter(|(ensemble, pgd)| **ensemble && !**pgd);
    assert!(more.count() <= 1);
}

#[test]
fn five_classes_in_l_infinity() {
    compare(5, "linf", "0.04");
}

#[test]
fn five_classes_in_l2() {
    compare(5, "l2", "0.6");
}

#[test]
fn three_classes_in_l_infinity_where_the_published_ensemble_cannot_be_run() {
    compare(3, "linf", "0.06");
}

#[test]
fn three_classes_in_l2_where_the_published_ensemble_cannot_be_run() {
    compare(3, "l2", "0.9");
}

/// A curve falls, its smallest ball has the figure that it has alone, and the same seed gives the same table.
#[test]
fn larger_balls_turn_more_images_and_a_seed_decides() {
    let bench = Bench::new();
    let base = format!(
        "{} --norm linf --attack autoattack --steps 10 --queries 20 --bootstrap 50",
        evaluate(3)
    );
    let arguments = format!("{base} --epsilon 0.06,0,0.02,0.04 --plot curve.svg --csv");
    let answer = bench.json(&format!("{arguments} first.csv"));
    let curve = answer["curve"].as_array().unwrap();
    let radii: Vec<f64> = curve
        .iter()
        .map(|c| c["epsilon"].as_f64().unwrap())
        .collect();
    assert_eq!(radii, [0.0, 0.02, 0.04, 0.06]);
    let shares: Vec<f64> = curve
        .iter()
        .map(|c| c["robust_accuracy"].as_f64().unwrap())
        .collect();
    assert!(
        shares.is_sorted_by(|a, b| a >= b) && shares[3] < shares[0],
        "{shares:?}"
    );
    assert_eq!(shares[0], answer["clean"]["accuracy"]);
    assert_eq!(shares[3], answer["adversarial"]["accuracy"]);
    let turned = curve[3]["turned"].as_array().unwrap();
    let names: Vec<&str> = turned
        .iter()
        .map(|t| t["attack"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["APGD-CE", "APGD-T", "FAB-T", "Square"]);
    let fallen: u64 = turned.iter().map(|t| t["images"].as_u64().unwrap()).sum();
    assert_eq!(fallen as f64, ((shares[2] - shares[3]) * 60.0).round());
    let said = answer["adversarial"]["attack"].as_str().unwrap();
    assert!(said.contains("needs 4 classes and these are 3"), "{said}");
    let svg = std::fs::read_to_string(bench.path("curve.svg")).unwrap();
    assert!(
        svg.starts_with("<svg ") && svg.matches("<polyline").count() == 4,
        "{svg}"
    );

    bench.json(&format!("{arguments} second.csv"));
    assert_eq!(bench.table("first.csv"), bench.table("second.csv"));
    let text = bench.ok(&format!("{base} --epsilon 0.02,0.04"));
    assert!(text.contains("images turned: APGD-CE"), "{text}");
    assert!(
        text.contains("95 % intervals: percentiles of 50 resamples"),
        "{text}"
    );
}
