//! The page in a real Chromium, and the shortest way through it in Firefox: two small models are trained, the site is built and served, and Node.js drives it.

use super::tools;
use crate::checkout::Checkout;
use crate::demo;
use crate::process::{self, Programs};
use crate::site;
use anyhow::Result;

/// Carries the stage out. Everything that it makes goes below `target/browser`.
pub(super) fn run(checkout: &Checkout, programs: &Programs) -> Result<()> {
    tools::check_node(programs)?;
    let chromium = tools::chromium(programs)?;
    let firefox = tools::firefox(programs)?;
    tools::web_servers(programs)?;
    let tests = checkout.root().join("tests/browser");
    tools::install_packages(&tests, programs)?;

    let folder = checkout.target_folder(programs)?.join("browser");
    let pellucid = demo::build_pellucid(checkout, programs)?;
    let models = demo::train_models(&pellucid, &demo::Recipe::quick(), &folder.join("runs"))?;
    let site = folder.join("site");
    let arguments = site::Arguments {
        out: site.clone(),
        models: Some(models),
        samples: None,
        fast: true,
    };
    site::build(&arguments, checkout, programs)?;

    let mut node = programs.command("node");
    node.arg("run.mjs").current_dir(&tests);
    node.env("PELLUCID_BIN", pellucid)
        .env("PELLUCID_SITE", site)
        .env("CHROMIUM", chromium)
        .env("FIREFOX", firefox);
    process::run(&mut node, "install Node.js")
}
