//! tract's own passes over a graph, applied in time that grows with the graph.
//!
//! A pass finds one change after the other. tract compares each of them with every node of the graph, for duplicates and for names, before
//! it goes on: for a graph of n nodes that is n² steps, and a chain of 4,000 activations took 46 s to load. Here the same
//! changes are made in the same order, with the names kept in a table. (The search for duplicates has no effect in tract
//! 0.23.9: what is found is added all the same.)

use std::collections::{HashMap, HashSet};

use tract_onnx::prelude::*;
use tract_onnx::tract_core::model::TypedModelPatch;
use tract_onnx::tract_core::ops::dummy::Dummy;
use tract_onnx::tract_core::ops::source::TypedSource;
use tract_onnx::tract_core::optim::{Optimizer, OptimizerSession, TypedPass};

use super::sharing::spread;

/// Runs a series of tract's passes until none of them finds a change.
pub(super) fn optimise(mut model: TypedModel, passes: &Optimizer) -> TractResult<TypedModel> {
    let _proofs = model.symbols.proof_cache_session();
    model = spread(model)?;
    let mut session = passes.session();
    let mut seen = HashSet::new();
    model.compact()?;
    model.check_names()?;
    loop {
        let mut changes = 0;
        for mut pass in passes.passes.clone() {
            loop {
                let found = run(&mut *pass, &mut session, &mut model, &mut seen)?;
                model.compact()?;
                changes += found;
                if found == 0 {
                    break;
                }
            }
        }
        if changes == 0 {
            return Ok(model);
        }
    }
}

/// Makes the changes that a pass finds; returns how many there were.
fn run(
    pass: &mut dyn TypedPass,
    session: &mut OptimizerSession<'_>,
    model: &mut TypedModel,
    seen: &mut HashSet<String>,
) -> TractResult<usize> {
    pass.reset()?;
    let mut changes = 0;
    let mut names = Names::of(model);
    while let Some(mut patch) = pass.next(session, model)? {
        if let Some(once) = patch.dont_apply_twice.take()
            && !seen.insert(once)
        {
            continue;
        }
        apply(patch, model, &mut names)?;
        changes += 1;
    }
    pass.run_direct(model)?;
    Ok(changes)
}

/// The names of a model's nodes, and how many nodes bear each.
struct Names {
    counts: HashMap<String, usize>,
    /// The last number that was put behind a name.
    numbers: HashMap<String, usize>,
}

impl Names {
    fn of(model: &TypedModel) -> Self {
        let mut names = Self {
            counts: HashMap::new(),
            numbers: HashMap::new(),
        };
        for node in &model.nodes {
            names.add(&node.name);
        }
        names
    }

    fn add(&mut self, name: &str) {
        *self.counts.entry(name.to_owned()).or_default() += 1;
    }

    fn remove(&mut self, name: &str) {
        if let Some(count) = self.counts.get_mut(name) {
            *count = count.saturating_sub(1);
        }
    }

    fn count(&self, name: &str) -> usize {
        self.counts.get(name).copied().unwrap_or(0)
    }

    /// A name that begins like this one and that no node bears.
    fn unique(&mut self, prefix: &str) -> String {
        if self.count(prefix) == 0 {
            return prefix.to_owned();
        }
        loop {
            let number = self.numbers.entry(prefix.to_owned()).or_default();
            *number += 1;
            let name = format!("{prefix}.{number}");
            if self.count(&name) == 0 {
                return name;
            }
        }
    }
}

/// Puts the nodes of a patch into a model, as `ModelPatch::apply` of tract does.
fn apply(patch: TypedModelPatch, model: &mut TypedModel, names: &mut Names) -> TractResult<()> {
    let mut places = patch.taps;
    let mut added = vec![];
    let mut inputs_of = vec![];
    for node in patch.model.nodes {
        let is_source = node.op_is::<TypedSource>();
        // What the patch takes from the model.
        if is_source && places.contains_key(&OutletId::new(node.id, 0)) {
            continue;
        }
        let slots = node.outputs.len();
        let facts = node.outputs.into_iter().map(|output| output.fact).collect();
        names.add(&node.name);
        let place = model.add_node(node.name, node.op, facts)?;
        added.push(place);
        for slot in 0..slots {
            places.insert(OutletId::new(node.id, slot), OutletId::new(place, slot));
        }
        inputs_of.push((place, node.inputs));
        if is_source && let Some(replaced) = patch.inputs.get(&node.id) {
            for input in model
                .inputs
                .iter_mut()
                .filter(|input| input.node == *replaced)
            {
                input.node = place;
            }
        }
    }
    let place_of = |outlet: &OutletId| {
        let place = places.get(outlet).copied();
        place.ok_or_else(|| TractError::msg("a patch names a value that it does not make"))
    };
    let mut shunts: Vec<_> = patch.shunts.into_iter().collect();
    shunts.sort_unstable();
    for (outlet, by) in &shunts {
        let by = place_of(by)?;
        for reader in model.nodes[outlet.node].outputs[outlet.slot]
            .successors
            .clone()
        {
            model.add_edge(by, reader)?;
        }
        for output in model.outputs.iter_mut().filter(|output| *output == outlet) {
            *output = by;
        }
        if let Some(label) = model.outlet_labels.remove(outlet) {
            model.set_outlet_label(by, label)?;
        }
    }
    for (place, inputs) in inputs_of {
        for (slot, input) in inputs.iter().enumerate() {
            model.add_edge(place_of(input)?, InletId::new(place, slot))?;
        }
    }
    for node in patch.obliterate {
        model.node_mut(node).op = Box::new(Dummy::new());
    }
    sweep(model, shunts.iter().map(|(outlet, _)| outlet.node), names);
    for place in added {
        let name = model.nodes[place].name.clone();
        let wanted = match name.split_once('#') {
            Some((prefix, _)) => prefix,
            None if names.count(&name) > 1 => &name[..],
            None => continue,
        };
        let unique = names.unique(wanted);
        names.remove(&name);
        names.add(&unique);
        model.nodes[place].name = unique;
    }
    Ok(())
}

/// Takes out the nodes that nothing reads any more, and what only they read.
fn sweep(model: &mut TypedModel, replaced: impl Iterator<Item = usize>, names: &mut Names) {
    let mut open: Vec<usize> = replaced.collect();
    while let Some(node) = open.pop() {
        let ends = model.outputs.iter().chain(&model.inputs);
        let is_end = ends.into_iter().any(|end| end.node == node);
        let place = &mut model.nodes[node];
        let is_read = place
            .outputs
            .iter()
            .any(|output| !output.successors.is_empty());
        if is_end || is_read || place.outputs.is_empty() {
            continue;
        }
        names.remove(&place.name);
        place.op = Box::new(Dummy::new());
        place.name = format!("Dummy-node-{node}");
        place.outputs.clear();
        for input in std::mem::take(&mut place.inputs) {
            let readers = &mut model.nodes[input.node].outputs[input.slot].successors;
            readers.retain(|reader| reader.node != node);
            open.push(input.node);
        }
    }
}
