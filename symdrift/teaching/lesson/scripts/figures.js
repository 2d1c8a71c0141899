// The figures, each drawn anew when something has changed.

const TOO_FEW = "Fewer than two directions are learned: nothing can rotate. "
  + "Lower the weight decay or raise an input variance.";

const NOT_STRICT = "Two directions compete for one hidden unit, or one stands exactly on its "
  + "threshold: the minimum is not strict there and the theory does not hold. Move a slider a "
  + "little.";

const planeName = plane => `plane (${plane.map(k => k + 1).join(", ")})`;

// A simulated number for people, with its standard error once there is one.
function measurement({mean, error}) {
  if (!Number.isFinite(mean)) return "not measured yet";
  return readable(mean) + (Number.isFinite(error) ? ` plus or minus ${readable(error, 2)}` : "");
}

function missing(id, text) {
  const holder = byId(id).querySelector(".drawing");
  const note = document.createElement("p");
  note.className = "missing";
  note.textContent = text;
  holder.replaceChildren(note);
  holder.setAttribute("aria-label", text);
  legend(id, []);
  finding(id, "");
}

// What holds at the present setting, in a sentence under the figure.
function finding(id, text) {
  byId(id).querySelector(".finding").textContent = text;
}

function legend(id, entries) {
  const list = byId(id).querySelector(".legend");
  list.replaceChildren(...entries.map(([style, text]) => {
    const item = document.createElement("li");
    const sample = element("svg", {width: 30, height: 12, "aria-hidden": "true"});
    if (style.startsWith("mark")) {
      element("circle", {cx: 15, cy: 6, r: 4.5, class: style}, sample);
    } else if (style.startsWith("dot")) {
      element("circle", {cx: 15, cy: 6, r: 2.6, class: style}, sample);
    } else {
      element("path", {d: "M1,6H29", class: `line ${style}`}, sample);
    }
    item.append(sample, document.createTextNode(text));
    return item;
  }));
}

function timeAxis(points) {
  return {label: "time (SGD steps)", low: 0, high: Math.max(...points.map(p => p.step), 100)};
}

function drawLoss() {
  const {history, network, loss} = simulation;
  const empty = expectedLoss(network, 0, [], []);
  const excess = kernels.fluctuation(network)[1];
  const plot = new Plot(byId("figure-loss"), {
    x: timeAxis(history), y: {label: "expected loss", low: 0, high: 1.12 * empty},
  });
  const {high} = plot.options.x;
  plot.line([[0, empty], [high, empty]], "s3")
    .line(history.map(point => [point.step, point.loss]), "s1")
    .line([[0, loss + excess], [high, loss + excess]], "s2");
  plot.show(`Loss over time. It stays near ${readable(loss + excess)}, `
    + `the minimum ${readable(loss)} plus the excess of the noise; `
    + `without learning it would be ${readable(empty)}.`);
  legend("figure-loss", [
    ["s1", "network under SGD"], ["s2", "theory: minimum plus excess"],
    ["s3", "network that has learned nothing"],
  ]);
}

// By how many degrees the representation has turned, to a tenth.
function turned() {
  const last = simulation.history.at(-1);
  if (!last || last.components.length === 0) return 0;
  const start = simulation.representations[simulation.followed];
  const dot = sum(start.map((value, k) => value * last.components[k]));
  const norms = Math.hypot(...start) * Math.hypot(...last.components);
  return Math.round(10 * degrees(Math.acos(Math.max(-1, Math.min(1, dot / norms))))) / 10;
}

function drawRepresentation() {
  const {history, followed, rank} = simulation;
  if (rank < 1 || followed < 0) {
    missing("figure-representation", "No direction is learned: every representation is zero.");
    return;
  }
  const largest = 1.25 * Math.hypot(...simulation.representations[followed]);
  const plot = new Plot(byId("figure-representation"), {
    x: timeAxis(history), y: {label: "hidden activity", low: -largest, high: largest},
  });
  const shown = Math.min(rank, 4);
  for (let k = 0; k < shown; k++) {
    plot.line(history.map(point => [point.step, point.components[k]]), `s${k + 1}`);
  }
  plot.show(`Activity of ${shown} hidden unit${shown === 1 ? "" : "s"} for the stimulus `
    + `${lesson.stimuli[followed].name}. It has turned by ${readable(turned())} degrees.`);
  legend("figure-representation", Array.from({length: shown}, (_, k) =>
    [`s${k + 1}`, `hidden unit ${k + 1}`]));
}

// The minimum, turned by an angle in the first plane and stretched in both layers.
function movedWeights(network, minimum, angle, stretch) {
  const {rank} = minimum, {inputs, outputs} = network;
  const rotation = new Float64Array(rank * rank);
  for (let k = 0; k < rank; k++) rotation[k * rank + k] = 1;
  if (rank > 1) {
    rotation[0] = rotation[rank + 1] = Math.cos(angle);
    rotation[1] = Math.sin(angle);
    rotation[rank] = -Math.sin(angle);
  }
  const first = product(rotation, minimum.first, rank, rank, inputs);
  const second = product(
    minimum.second, transposed(rotation, rank, rank), outputs, rank, rank);
  return [first, second].map(layer => layer.map(value => (1 + stretch) * value));
}

function valleyLoss(angle, stretch) {
  const network = networkAt(), minimum = minimumOf(network);
  return expectedLoss(
    network, minimum.rank, ...movedWeights(network, minimum, angle, stretch));
}

function drawValley() {
  const network = networkAt(), minimum = minimumOf(network);
  if (minimum.rank < 2) {
    missing("figure-valley", TOO_FEW);
    missing("figure-hidden", TOO_FEW);
    return;
  }
  const angle = radians(settings.rotation), stretch = settings.stretch / 100;
  const lowest = kernels.loss(network);
  const [high] = [valleyLoss(0, 0.42)];
  const plot = new Plot(byId("figure-valley"), {
    x: {label: "rotation of the hidden layer (degrees)", low: -180, high: 180},
    y: {label: "expected loss", low: lowest - 0.1 * (high - lowest), high},
  });
  const range = Array.from({length: 61}, (_, k) => -180 + 6 * k);
  plot.line(range.map(value => [value, lowest]), "s3")
    .line(range.map(value => [value, valleyLoss(radians(value), stretch)]), "s1")
    .measured([{x: settings.rotation, y: valleyLoss(angle, stretch), error: NaN}], "s2");
  const here = valleyLoss(angle, stretch);
  plot.show(`Loss along the rotation, at a stretch of ${readable(settings.stretch)} percent: a flat line at `
    + `${readable(here)}. The minimum is ${readable(lowest)}.`);
  legend("figure-valley", [
    ["s1", `rotation at ${readable(settings.stretch)} % stretch`], ["s3", "minimum of the loss"],
    ["mark s2", "you are here"],
  ]);

  const reach = 1.5 * Math.sqrt(minimum.values[0]);
  const hidden = new Plot(byId("figure-hidden"), {
    square: true,
    x: {label: "activity of hidden unit 1", low: -reach, high: reach},
    y: {label: "activity of hidden unit 2", low: -reach, high: reach},
  });
  const [first] = movedWeights(network, minimum, angle, stretch);
  minimum.axes.slice(0, 2).forEach((axis, k) => hidden.arrow(
    [first[axis], first[network.inputs + axis]], `s${k + 1}`));
  hidden.show("Hidden representations of the first two learned axes as arrows; turned by "
    + `${readable(settings.rotation)} degrees.`);
  legend("figure-hidden", minimum.axes.slice(0, 2).map((axis, k) =>
    [`s${k + 1}`, `input along axis ${axis + 1}`]));
}

// Gradients of single samples at the minimum, in the plane of the orbit and of one normal
// direction.
function gradientCloud(network) {
  const sampler = new Simulation(network, [], lesson.seed + 1), {minimum} = sampler;
  const [i, j] = minimum.axes;
  const raw = generated(
    [0, 1], minimum.rank, network.inputs, network.outputs, minimum.first, minimum.second);
  const length = Math.sqrt(inner(raw, raw));
  const tangent = raw.map(layer => layer.map(value => value / length));
  const normal = normalDirection(minimum, network, i, j);
  return Array.from({length: 400}, () => {
    const gradient = sampler.sampleGradient();
    return [inner(gradient, tangent), inner(gradient, normal)];
  });
}

function drawNoise() {
  const network = networkAt(), minimum = minimumOf(network);
  if (minimum.rank < 2) {
    missing("figure-noise", TOO_FEW);
    missing("figure-probe", TOO_FEW);
    return;
  }
  const [i, j] = minimum.axes;
  const variance = kernels.blockFluctuation(network).noise[i][j];
  const reach = 3.4 * Math.sqrt(variance);
  const cloud = gradientCloud(network);
  const plot = new Plot(byId("figure-noise"), {
    square: true,
    x: {label: "gradient along the orbit", low: -reach, high: reach},
    y: {label: "gradient across the orbit", low: -reach, high: reach},
  });
  const angle = radians(settings.probe);
  const [x, y] = [Math.cos(angle), Math.sin(angle)];
  plot.dots(cloud, "s1").line([[-2 * reach * x, -2 * reach * y], [2 * reach * x, 2 * reach * y]],
    "s2");
  const measured = sum(cloud.map(([a, b]) => (a * x + b * y) ** 2)) / cloud.length;
  plot.show("Gradients of 400 single samples: all of them lie across the orbit, none has a "
    + `component along it. The probe stands at ${readable(settings.probe)} degrees.`);
  legend("figure-noise", [["dot s1", "one sample"], ["s2", "probe"]]);
  const curve = new Plot(byId("figure-probe"), {
    x: {label: "probe (degrees from the orbit)", low: 0, high: 90},
    y: {label: "noise variance", low: 0, high: 1.25 * variance},
  });
  const range = Array.from({length: 46}, (_, k) => 2 * k);
  const fourth = sum(cloud.map(([, b]) => b ** 4)) / cloud.length;
  const square = sum(cloud.map(([, b]) => b ** 2)) / cloud.length;
  const error = Math.sqrt(Math.max(fourth - square ** 2, 0) / cloud.length) * y * y;
  curve.line(range.map(value => [value, variance * Math.sin(radians(value)) ** 2]), "s1")
    .measured([{x: settings.probe, y: measured, error}], "s2");
  curve.show(`Noise variance along the probe: ${readable(measured)} measured, `
    + `${readable(variance * y * y)} in theory. It vanishes at zero degrees.`);
  legend("figure-probe", [["s1", "theory"], ["mark s2", "400 samples ± standard error"]]);
}

function drawFluctuation() {
  const {network, minimum} = simulation;
  if (minimum.rank < 2) {
    missing("figure-cloud", TOO_FEW);
  } else {
    const [i, j] = minimum.axes;
    const {variance, cross} = kernels.blockFluctuation(network);
    const share = network.learning_rate / network.batch;
    const [xx, xy, yy] = [variance[i][j], cross[i][j], variance[j][i]].map(v => share * v);
    const reach = 3.6 * Math.sqrt(Math.max(xx, yy));
    const plot = new Plot(byId("figure-cloud"), {
      square: true,
      x: {label: `fluctuation along u(${i + 1},${j + 1})`, low: -reach, high: reach},
      y: {label: `fluctuation along u(${j + 1},${i + 1})`, low: -reach, high: reach},
    });
    plot.dots(simulation.cloud, "s1")
      .line(ellipse(xx, xy, yy, 1), "s2").line(ellipse(xx, xy, yy, 2), "s2");
    plot.show(`Weights around the minimum in two normal directions, ${simulation.cloud.length} `
      + "points of the simulation, with the ellipses of one and two standard deviations.");
    legend("figure-cloud", [
      ["dot s1", "network under SGD"], ["s2", "theory: 1 and 2 standard deviations"],
    ]);
  }
  const control = lesson.controls.find(found => found.key === "learning_rate");
  const rates = Array.from({length: 41}, (_, k) =>
    (k + 0.001) / 40 * Math.max(1.25 * network.learning_rate, control.start));
  const excess = rates.map(rate => [
    rate, kernels.fluctuation({...network, learning_rate: rate})[1]]);
  const plot = new Plot(byId("figure-excess"), {
    x: {label: "learning rate", low: 0, high: rates.at(-1)},
    y: {label: "excess loss", low: 0, high: 1.15 * Math.max(excess.at(-1)[1], 1e-300)},
  });
  plot.line(excess, "s1").measured([{
    x: network.learning_rate, y: simulation.excess.mean, error: simulation.excess.error,
  }], "s2");
  plot.show(`Excess loss: theory ${readable(kernels.fluctuation(network)[1])}, simulation `
    + `${measurement(simulation.excess)}.`);
  legend("figure-excess", [["s1", "theory"], ["mark s2", "simulation ± standard error"]]);
}

// Size of the loop, in lengths of the shorter of the two singular directions.
const LOOP_SIZE = 0.3;

function drawArea() {
  const network = networkAt(), minimum = minimumOf(network);
  const line = byId("loop-text");
  if (minimum.rank < 2) {
    missing("figure-loop", TOO_FEW);
    missing("figure-trace", TOO_FEW);
    line.textContent = TOO_FEW;
    return;
  }
  const phase = radians(settings.phase), share = loopShare();
  const [s, t] = minimum.values, [i, j] = minimum.axes.map(axis => axis + 1);
  const size = LOOP_SIZE * Math.sqrt(t);
  const rotation = kernels.loopRotation(Math.PI * size ** 2 * share, s, t);
  const plot = new Plot(byId("figure-loop"), {
    square: true,
    x: {label: `fluctuation along u(${i},${i})`, low: -1.3 * size, high: 1.3 * size},
    y: {label: `fluctuation along u(${i},${j})`, low: -1.3 * size, high: 1.3 * size},
  });
  const points = Array.from({length: 73}, (_, k) => {
    const angle = 2 * Math.PI * k / 72;
    return [size * Math.cos(angle), size * Math.cos(angle - phase)];
  });
  plot.area(points, rotation < 0 ? "s2" : "s1").line(points, rotation < 0 ? "s2" : "s1");
  points.filter((_, k) => k % 18 === 9).forEach(([x, y], k) => {
    const [nextX, nextY] = points[18 * k + 10];
    const angle = Math.atan2(plot.y(nextY) - plot.y(y), plot.x(nextX) - plot.x(x));
    const head = [2.6, -2.6].map(turn =>
      `M${plot.x(x)},${plot.y(y)}l${11 * Math.cos(angle + turn)},${11 * Math.sin(angle + turn)}`);
    element("path", {d: head.join(""), class: `line ${rotation < 0 ? "s2" : "s1"}`}, plot.inside);
  });
  plot.show(`A loop of the fluctuation with phase ${readable(settings.phase)} degrees turns the hidden layer `
    + `by ${readable(degrees(rotation))} degrees.`);
  const measured = loopRotation(network, size, phase);
  // What rounding leaves of a loop without area is not a rotation.
  const shown = angle => `${readable(Math.abs(angle) < 1e-9 ? 0 : degrees(angle), 4)}°`;
  line.textContent = `By area, this loop turns the hidden layer by ${shown(rotation)}. Weights that `
    + "are carried around it, each move orthogonal to the orbit as gradients are, come back "
    + `turned by ${shown(measured)}`
    + (share === 0 ? "." : "; the difference is of higher order in the size of the loop.");
  legend("figure-loop", [[rotation < 0 ? "s2" : "s1", share === 0
    ? "a line: no area" : `area ${rotation < 0 ? "negative" : "positive"}`]]);
  trace ??= traceRotation(network, Number(byId("seed").value), 3000);
  const angles = trace.flatMap(point => [point.angle, point.area]);
  const margin = 0.08 * (Math.max(...angles) - Math.min(...angles));
  const curves = new Plot(byId("figure-trace"), {
    x: timeAxis(trace),
    y: {
      label: "hidden rotation (rad)",
      low: Math.min(...angles) - margin, high: Math.max(...angles) + margin,
    },
  });
  curves.line(trace.map(point => [point.step, point.angle]), "s1")
    .line(trace.map(point => [point.step, point.area]), "s2");
  curves.show("Rotation of the hidden layer over 3000 steps, measured and summed from the area "
    + "that the fluctuation sweeps: the two curves run together.");
  legend("figure-trace", [["s1", "measured rotation"], ["s2", "sum of swept areas"]]);
}

function drawDiffusion() {
  const {network, minimum, planes, window} = simulation;
  const body = byId("diffusion-rows");
  if (minimum.rank < 2) {
    missing("figure-diffusion", TOO_FEW);
    body.replaceChildren();
    byId("leading-order").textContent = "";
    return;
  }
  const tensor = kernels.diffusionTensor(network);
  const theory = planes.map(([i, j]) => tensor[minimum.axes[i]][minimum.axes[j]]);
  const shown = planes.map((_, k) => k).sort((a, b) => theory[b] - theory[a]).slice(0, 3);
  const points = shown.map(k => simulation.displacements(k));
  const longest = Math.max(8 * window, ...points.flat().map(point => point.lag)) * 1.1;
  const plot = new Plot(byId("figure-diffusion"), {
    x: {label: "time lag (SGD steps)", low: 0, high: longest},
    y: {
      label: "squared rotation (rad²)", low: 0,
      high: 2.6 * Math.max(...shown.map(k => theory[k])) * longest,
    },
  });
  shown.forEach((k, style) => {
    plot.line([[0, 0], [longest, 2 * theory[k] * longest]], `s${style + 1}`);
    plot.measured(points[style].map(point => ({x: point.lag, y: point.mean, error: point.error})),
      `s${style + 1}`);
  });
  plot.show(shown.map(k => `${planeName(planes[k])}: diffusion ${readable(theory[k])} in theory, `
    + `${measurement(simulation.rates[k])} in the simulation`).join("; "));
  legend("figure-diffusion", shown.map((k, style) =>
    [`s${style + 1}`, `${planeName(planes[k])}: line theory, points simulation`]));
  const {small, over_critical, diffusion_off} = lesson.validity;
  const rate = lesson.controls.find(found => found.key === "learning_rate");
  const times = network.learning_rate / rate.start;
  byId("leading-order").textContent = "The theory is of leading order in the learning rate; at the "
    + `study's values its diffusion is expected to be off by ${diffusion_off}. With this `
    + "learning rate and the other sliders as in the study, what should be small is: "
    + small.map(([meaning, value]) => `${meaning}, ${readable(times * value, 2)}`).join("; ")
    + `. The rate is ${readable(times * over_critical, 2)} of the critical one, from which on no `
    + "fluctuation is stationary. A ratio goes to 1 as the learning rate does to 0.";
  body.replaceChildren(...planes.map((plane, k) => {
    const row = document.createElement("tr");
    const {mean, error} = simulation.rates[k];
    const name = `(${plane.map(axis => axis + 1).join(", ")})`;
    const cells = [name, readable(theory[k]), ...Number.isFinite(error)
      ? [readable(mean), `± ${readable(error, 2)}`, readable(mean / theory[k])]
      : ["not yet", "", ""]];
    cells.forEach((text, column) => {
      const cell = document.createElement(column === 0 ? "th" : "td");
      if (column === 0) cell.scope = "row";
      cell.textContent = text;
      row.append(cell);
    });
    return row;
  }));
}

// A figure of step 7: rates along a curve of networks, and what is simulated at the present one.
function drawRates(id, label, log, networks, place, range) {
  const {network} = simulation;
  const shown = lesson.stimuli.slice(0, 4);
  const plot = new Plot(byId(id), {
    x: {label, log, low: place(networks[0]), high: place(networks.at(-1))},
    y: {label: `${lesson.compares.split(" of ")[0]} (per step)`, log: true, ...range},
  });
  const strict = networks.filter(found => kernels.isStrict(found));
  shown.forEach((stimulus, k) => {
    const curve = strict.map(found => [place(found), rateOf(stimulus, found)]);
    plot.line(curve.filter(point => point[1] > 0), `s${k + 1}`);
    const square = lesson.compares === "decay rate"
      ? 1 : sum(simulation.representations[k].map(value => value ** 2));
    const {mean, error} = simulation.decays[k];
    plot.measured([{x: place(network), y: square * mean, error: square * error}], `s${k + 1}`);
  });
  plot.show(`${lesson.compares} of the stimuli: ` + shown.map((stimulus, k) => {
    const rate = rateOf(stimulus, network);
    return `${stimulus.name} ${rate > 0 ? `${readable(rate)} per step` : "is not learned"}`;
  }).join(", ") + ".");
  legend(id, shown.map((stimulus, k) => [`s${k + 1}`, stimulus.name]));
}

function drawStimuli() {
  const {network} = simulation;
  if (simulation.rank < 2) {
    missing("figure-stimuli", TOO_FEW);
    missing("figure-alone", TOO_FEW);
    return;
  }
  const control = lesson.controls.find(found => found.key === "frequency");
  const factors = Array.from({length: control.highest - control.lowest + 1}, (_, k) =>
    valueOf(control, control.lowest + k));
  const together = factors.map(odds => networkAt({frequency: odds}));
  const alone = factors.map(factor => withVariance(network, factor));
  const rates = [...together, ...alone].filter(found => kernels.isStrict(found)).flatMap(found =>
    lesson.stimuli.slice(0, 4).map(stimulus => rateOf(stimulus, found))).filter(rate => rate > 0);
  const range = {low: Math.min(...rates) / 1.4, high: Math.max(...rates) * 1.4};
  const {name} = lesson.stimuli[0];
  drawRates("figure-stimuli", `share of @moved (%)`, false, together,
    found => 100 * frequencyIn(found), range);
  drawRates("figure-alone", `input variance of @moved`, true, alone,
    found => found.covariance[lesson.frequent], range);
  finding("figure-stimuli",
    tendency(exponentOf("stimuli", control), "@share grows and the others give way"));
  finding("figure-alone",
    tendency(exponentAlone("stimuli"), "@variance grows and the others keep theirs"));
}

// How the drift of the first stimulus answers, at the present setting.
function tendency(value, cause) {
  const {name} = lesson.stimuli[0];
  if (!Number.isFinite(value)) return `At this setting “${name}” has no representation.`;
  const verb = Math.abs(value) < 0.005 ? "hardly changes"
    : value > 0 ? "drifts faster" : "drifts more slowly";
  return `At this setting “${name}” ${verb} when ${cause} (exponent ${rounded(value)}).`;
}
