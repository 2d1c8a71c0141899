// The page: sliders, figures, questions.  What it computes with stands in `lesson` (the study's
// numbers), `kernels` (the generated formulas) and the classes above.

const byId = id => document.getElementById(id);
const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
const settings = {};
const moved = new Set();
const visible = new Set();
const solved = new Set();
let simulation, running = !calm, trace = null, drawn = 0;

// --- The network that the sliders describe ------------------------------------------------

function valueOf(control, position) {
  if (control.kind === "linear") return control.start + position * control.step;
  const span = position < 0 ? 1 / control.down : control.up;
  return control.start * span ** (Math.abs(position) / control.positions);
}

// The total variance, with the frequent axis met so many times as often against the others.
function shared(covariance, odds) {
  const own = covariance[lesson.frequent], others = sum(covariance) - own;
  const scale = (own + others) / (odds * own + others);
  return covariance.map((value, k) => scale * (k === lesson.frequent ? odds * value : value));
}

const frequencyIn = ({covariance}) => covariance[lesson.frequent] / sum(covariance);

function networkAt(changed = {}) {
  const values = {...settings, ...changed};
  return {
    ...lesson.network,
    covariance: shared(
      lesson.network.covariance.map((_, k) => values[`covariance.${k}`]), values.frequency),
    gains: lesson.network.gains.map((gain, k) => values[`gains.${k}`] ?? gain),
    label_noise: lesson.network.label_noise.map((_, k) =>
      values.label_noise ?? values[`label_noise.${k}`]),
    weight_decay: values.weight_decay,
    learning_rate: values.learning_rate,
  };
}

function startingNetwork() {
  return networkAt(Object.fromEntries(lesson.controls.map(c => [c.key, c.start])));
}

function onlyChanged(keys) {
  return lesson.controls.every(control =>
    !control.network || keys.includes(control.key) || settings[control.key] === control.start);
}

const sum = values => values.reduce((a, b) => a + b, 0);
const degrees = angle => angle * 180 / Math.PI;
const radians = angle => angle * Math.PI / 180;

function firstPlane(network) {
  const {axes} = minimumOf(network);
  return axes.length > 1 ? kernels.diffusionTensor(network)[axes[0]][axes[1]] : 0;
}

const planeName = plane => `plane (${plane.map(k => k + 1).join(", ")})`;

// --- Figures -----------------------------------------------------------------------------

const TOO_FEW = "Fewer than two directions are learned: nothing can rotate. "
  + "Lower the weight decay or raise an eigenvalue.";

const NOT_STRICT = "Two directions compete for one hidden unit, or one stands exactly on its "
  + "threshold: the minimum is not strict there and the theory does not hold. Move a slider a "
  + "little.";

function missing(id, text) {
  const holder = byId(id).querySelector(".drawing");
  const note = document.createElement("p");
  note.className = "missing";
  note.textContent = text;
  holder.replaceChildren(note);
  holder.setAttribute("aria-label", text);
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

function turned() {
  const last = simulation.history.at(-1);
  if (!last || last.components.length === 0) return 0;
  const start = simulation.representations[simulation.followed];
  const dot = sum(start.map((value, k) => value * last.components[k]));
  const norms = Math.hypot(...start) * Math.hypot(...last.components);
  return degrees(Math.acos(Math.max(-1, Math.min(1, dot / norms))));
}

function drawRepresentation() {
  const {history, followed, rank} = simulation;
  if (rank < 1 || followed < 0) {
    missing("figure-representation", "No direction is learned: every representation is zero.");
    return;
  }
  const largest = 1.25 * Math.hypot(...simulation.representations[followed]);
  const plot = new Plot(byId("figure-representation"), {
    x: timeAxis(history), y: {label: "hidden activity h", low: -largest, high: largest},
  });
  const shown = Math.min(rank, 4);
  for (let k = 0; k < shown; k++) {
    plot.line(history.map(point => [point.step, point.components[k]]), `s${k + 1}`);
  }
  plot.show(`Activity of ${shown} hidden units for the stimulus `
    + `${lesson.stimuli[followed].name}. It has turned by ${readable(turned(), 2)} degrees.`);
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
  plot.show(`Loss along the rotation, at a stretch of ${settings.stretch} percent: a flat line at `
    + `${readable(here)}. The minimum is ${readable(lowest)}.`);
  legend("figure-valley", [
    ["s1", `rotation at ${settings.stretch} % stretch`], ["s3", "minimum of the loss"],
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
    + `${settings.rotation} degrees.`);
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
    + `component along it. The probe stands at ${settings.probe} degrees.`);
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
    + `${readable(simulation.excess.mean)} plus or minus ${readable(simulation.excess.error, 2)}.`);
  legend("figure-excess", [["s1", "theory"], ["mark s2", "simulation ± standard error"]]);
}

const LOOP_SIZE = 0.1;

function drawArea() {
  const network = networkAt(), minimum = minimumOf(network);
  if (minimum.rank < 2) {
    missing("figure-loop", TOO_FEW);
    missing("figure-trace", TOO_FEW);
    return;
  }
  const phase = radians(settings.phase);
  const [s, t] = minimum.values;
  const rotation = kernels.loopRotation(Math.PI * LOOP_SIZE ** 2 * Math.sin(phase), s, t);
  const plot = new Plot(byId("figure-loop"), {
    square: true,
    x: {label: "fluctuation along u(i,i)", low: -0.13, high: 0.13},
    y: {label: "fluctuation along u(i,j)", low: -0.13, high: 0.13},
  });
  const points = Array.from({length: 73}, (_, k) => {
    const angle = 2 * Math.PI * k / 72;
    return [LOOP_SIZE * Math.cos(angle), LOOP_SIZE * Math.cos(angle - phase)];
  });
  plot.area(points, rotation < 0 ? "s2" : "s1").line(points, rotation < 0 ? "s2" : "s1");
  points.filter((_, k) => k % 18 === 9).forEach(([x, y], k) => {
    const [nextX, nextY] = points[18 * k + 10];
    const angle = Math.atan2(plot.y(nextY) - plot.y(y), plot.x(nextX) - plot.x(x));
    const head = [2.6, -2.6].map(turn =>
      `M${plot.x(x)},${plot.y(y)}l${11 * Math.cos(angle + turn)},${11 * Math.sin(angle + turn)}`);
    element("path", {d: head.join(""), class: `line ${rotation < 0 ? "s2" : "s1"}`}, plot.inside);
  });
  const summed = degrees(loopRotation(network, LOOP_SIZE, phase));
  plot.show(`A loop of the fluctuation with phase ${settings.phase} degrees turns the hidden layer `
    + `by ${readable(degrees(rotation))} degrees.`);
  // What rounding leaves of a loop without area is not a rotation.
  const shown = angle => `${readable(Math.abs(angle) < 1e-12 ? 0 : angle)}°`;
  byId("loop-formula").textContent = shown(degrees(rotation));
  byId("loop-summed").textContent = shown(summed);
  legend("figure-loop", [[rotation < 0 ? "s2" : "s1", Math.abs(Math.sin(phase)) < 1e-9
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
    + `${readable(simulation.rates[k].mean)} in the simulation`).join("; "));
  legend("figure-diffusion", shown.map((k, style) =>
    [`s${style + 1}`, `${planeName(planes[k])}: line theory, points simulation`]));
  body.replaceChildren(...planes.map((plane, k) => {
    const row = document.createElement("tr");
    const {mean, error} = simulation.rates[k];
    const cells = [
      `(${plane.map(axis => axis + 1).join(", ")})`, readable(theory[k]), readable(mean),
      Number.isFinite(error) ? `± ${readable(error, 2)}` : "–",
      Number.isFinite(error) ? readable(mean / theory[k], 3) : "–",
    ];
    cells.forEach((text, column) => {
      const cell = document.createElement(column === 0 ? "th" : "td");
      if (column === 0) cell.scope = "row";
      cell.textContent = text;
      row.append(cell);
    });
    return row;
  }));
}

function rateOf(stimulus, network) {
  return lesson.compares === "decay rate"
    ? kernels.decayRate(stimulus.vector, network)
    : kernels.representationDiffusion(stimulus.vector, network);
}

function drawStimuli() {
  const {network} = simulation;
  const shown = lesson.stimuli.slice(0, 4);
  const control = lesson.controls.find(found => found.key === "frequency");
  const positions = Array.from({length: 2 * control.positions + 1}, (_, k) =>
    k - control.positions);
  const networks = positions.map(position => networkAt({frequency: valueOf(control, position)}));
  const strict = networks.filter(found => kernels.isStrict(found));
  const curves = shown.map(stimulus =>
    strict.map(found => [100 * frequencyIn(found), rateOf(stimulus, found)]));
  const positive = curves.flat().map(point => point[1]).filter(value => value > 0);
  if (positive.length === 0) {
    missing("figure-stimuli", TOO_FEW);
    return;
  }
  const plot = new Plot(byId("figure-stimuli"), {
    x: {
      label: `frequency of ${lesson.stimuli[0].name} (%)`,
      low: 100 * frequencyIn(networks[0]), high: 100 * frequencyIn(networks.at(-1)),
    },
    y: {
      label: `${lesson.compares} (per step)`, log: true,
      low: Math.min(...positive) / 1.4, high: Math.max(...positive) * 1.4,
    },
  });
  curves.forEach((curve, k) =>
    plot.line(curve.filter(point => point[1] > 0), `s${k + 1}`));
  const now = shown.map(stimulus => rateOf(stimulus, network));
  if (simulation.rank > 1) {
    shown.forEach((stimulus, k) => {
      const w = simulation.representations[k];
      const scale = lesson.compares === "decay rate" ? 1 : sum(w.map(value => value ** 2));
      plot.measured([{
        x: 100 * frequencyIn(network), y: scale * simulation.decays[k].mean,
        error: scale * simulation.decays[k].error,
      }], `s${k + 1}`);
    });
  }
  plot.show(`${lesson.compares} of the stimuli: ` + shown.map((stimulus, k) =>
    `${stimulus.name} ${readable(now[k])} per step`).join(", ") + ".");
  legend("figure-stimuli", shown.map((stimulus, k) => [`s${k + 1}`, stimulus.name]));
}

// --- Questions: whether what is asked for has been reached, and how far it is ---------------

const goals = {
  loss() {
    const angle = turned();
    return {
      met: angle >= 20 && !simulation.diverged,
      state: `The representation has turned by ${readable(angle, 2)}°; wanted are 20°.`,
    };
  },
  manifold() {
    const stretch = Math.abs(settings.stretch), angle = Math.abs(settings.rotation);
    return {
      met: stretch < 1e-9 && angle >= 90,
      state: `Rotation ${readable(settings.rotation)}°, loss above the minimum: ${
        readable(Math.max(0, valleyLoss(radians(settings.rotation), settings.stretch / 100)
          - kernels.loss(networkAt())), 2)}.`,
    };
  },
  noise() {
    return {
      met: settings.probe <= 2,
      state: `The probe stands ${readable(settings.probe)}° away from the orbit.`,
    };
  },
  fluctuation() {
    const ratio = kernels.fluctuation(networkAt())[1] / kernels.fluctuation(startingNetwork())[1];
    return {
      met: ratio <= 0.5 && minimumOf(networkAt()).rank >= 2,
      state: `The excess loss is ${readable(ratio)} times that of the study.`,
    };
  },
  area() {
    const rank = minimumOf(networkAt()).rank;
    const share = -Math.sin(radians(settings.phase));
    return {
      met: rank >= 2 && share >= 0.985,
      state: `This loop reaches ${readable(100 * share, 2)} % of the largest negative rotation.`,
    };
  },
  diffusion() {
    const ratio = firstPlane(networkAt()) / firstPlane(startingNetwork());
    const alone = onlyChanged(["learning_rate"]);
    return {
      met: alone && ratio > 0 && ratio <= 0.1251,
      state: `Diffusion in plane (1, 2) is ${readable(ratio)} times that of the study`
        + (alone ? "." : "; other sliders have moved too: set them back."),
    };
  },
  stimuli() {
    const rates = network => {
      const [first, other] = lesson.stimuli;
      return rateOf(first, network) / rateOf(other, network);
    };
    const [start, now] = [startingNetwork(), networkAt()].map(rates);
    const level = Math.abs(Math.log(start)) < 1e-9;
    return {
      met: level ? now < 0.9 : start < 1 ? now > 1.02 : now < 0.98,
      state: `The ${lesson.compares} of “${lesson.stimuli[0].name}” is `
        + `${readable(now)} times that of “${lesson.stimuli[1].name}”.`,
    };
  },
};

function ask() {
  if (!kernels.isStrict(networkAt())) return;
  for (const [step, goal] of Object.entries(goals)) {
    const section = byId(step);
    const {met, state} = goal();
    const line = section.querySelector(".state");
    if (line.textContent !== state) line.textContent = state;
    const touched = lesson.steps[step].some(key => moved.has(key));
    if (!met || !touched || solved.has(step)) continue;
    solved.add(step);
    section.classList.add("solved");
    const answer = section.querySelector("template").content.cloneNode(true);
    section.querySelector(".answer").replaceChildren(answer);
    const link = document.querySelector(`nav a[href="#${step}"]`);
    link.classList.add("solved");
    link.querySelector(".done").textContent = " (answered)";
  }
}

// --- Running -------------------------------------------------------------------------------

const drawings = {
  loss: [drawLoss, drawRepresentation],
  manifold: [drawValley],
  noise: [drawNoise],
  fluctuation: [drawFluctuation],
  area: [drawArea],
  diffusion: [drawDiffusion],
  stimuli: [drawStimuli],
};
const LIVE = ["loss", "fluctuation", "diffusion", "stimuli"];

function draw(steps) {
  const strict = kernels.isStrict(networkAt());
  for (const step of steps) {
    if (!visible.has(step)) continue;
    if (strict) drawings[step].forEach(render => render());
    else byId(step).querySelectorAll("figure").forEach(figure => missing(figure.id, NOT_STRICT));
  }
}

function report() {
  const {network, rank} = simulation;
  byId("steps").textContent = simulation.steps.toLocaleString("en");
  const stiffness = network.learning_rate
    * (rank > 0 ? kernels.hessianRange({...network, hidden: rank})[1] : 0);
  let warning = "";
  if (simulation.diverged) {
    warning = "This learning rate is too large: the simulation has left the valley. Lower it.";
  } else if (!kernels.isStrict(network)) {
    warning = NOT_STRICT;
  } else if (rank === 0) {
    warning = "No direction is learned at these values: the weights decay to zero.";
  } else if (stiffness > lesson.warn_above) {
    warning = `Learning rate times largest curvature is ${readable(stiffness, 2)}. The theory is `
      + "the limit of small rates: expect the simulation to lie above it.";
  }
  const line = byId("warning");
  if (line.textContent !== warning) line.textContent = warning;
}

function restart() {
  const seed = Math.min(Math.max(Math.round(Number(byId("seed").value)) || 0, 0), 2 ** 32 - 1);
  byId("seed").value = seed;
  simulation = new Simulation(networkAt(), lesson.stimuli.map(s => s.vector), seed);
  trace = null;
}

function refresh(steps = Object.keys(drawings)) {
  draw(steps);
  ask();
  report();
}

// A frame: steps for as long as a frame leaves room, a drawing now and then.
function frame(time) {
  if (running && simulation.rank > 0 && !simulation.diverged) {
    const end = performance.now() + 10;
    while (performance.now() < end) simulation.run(500);
    if (time - drawn > (calm ? 1000 : 150)) {
      drawn = time;
      refresh(LIVE);
    }
  }
  requestAnimationFrame(frame);
}

function setRunning(value) {
  running = value;
  byId("run").textContent = running ? "Pause" : "Run";
}

function show(control) {
  const value = settings[control.key];
  for (const input of document.querySelectorAll(`[data-key="${control.key}"]`)) {
    const shown = control.key === "frequency" ? 100 * frequencyIn(networkAt()) : value;
    const text = `${readable(shown, 3)}${control.unit}`;
    input.setAttribute("aria-valuetext", text);
    input.parentElement.querySelector("output").textContent = text;
  }
}

function set(control, position) {
  settings[control.key] = valueOf(control, position);
  for (const input of document.querySelectorAll(`[data-key="${control.key}"]`)) {
    input.value = position;
  }
  show(control);
}

let waiting = false;
function change(control, position) {
  set(control, position);
  // What is left of the total for each axis depends on the eigenvalues too.
  show(lesson.controls.find(found => found.key === "frequency"));
  moved.add(control.key);
  if (control.network) restart();
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; refresh(); });
}

function begin() {
  for (const control of lesson.controls) {
    set(control, 0);
    for (const input of document.querySelectorAll(`[data-key="${control.key}"]`)) {
      input.addEventListener("input", () => change(control, Number(input.value)));
    }
  }
  restart();
  byId("run").addEventListener("click", () => setRunning(!running));
  byId("restart").addEventListener("click", () => { restart(); refresh(); });
  byId("seed").addEventListener("change", () => { restart(); refresh(); });
  byId("reset").addEventListener("click", () => {
    lesson.controls.forEach(control => set(control, 0));
    restart();
    refresh();
  });
  byId("theme").addEventListener("click", () => {
    const dark = getComputedStyle(document.documentElement).colorScheme === "dark";
    document.documentElement.dataset.theme = dark ? "light" : "dark";
  });
  const watcher = new IntersectionObserver(entries => {
    for (const {target, isIntersecting} of entries) {
      if (isIntersecting) visible.add(target.id);
      else visible.delete(target.id);
      if (isIntersecting) draw([target.id]);
    }
  }, {rootMargin: "200px"});
  Object.keys(drawings).forEach(step => watcher.observe(byId(step)));
  addEventListener("resize", () => refresh());
  // On paper all figures are in view.
  addEventListener("beforeprint", () => {
    Object.keys(drawings).forEach(step => visible.add(step));
    refresh();
  });
  setRunning(running);
  refresh();
  requestAnimationFrame(frame);
}

begin();
