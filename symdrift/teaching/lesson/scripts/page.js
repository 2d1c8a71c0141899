// The page: running, sliders, what is shown when.

const byId = id => document.getElementById(id);
const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
const visible = new Set();
let simulation, running = !calm, trace = null, drawn = 0;

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

// How much the curvature that single samples see fluctuates from step to step.
function multiplicativeNoise(network) {
  const power = network.covariance.reduce((sum, variance) => sum + variance, 0);
  return network.learning_rate * Math.max(...kernels.singularValues(network)) * power
    / network.batch;
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
      + "the limit of small rates: expect the simulation to differ from it.";
  } else if (multiplicativeNoise(network) > lesson.warn_above) {
    warning = "Learning rate times singular value and power of the inputs is "
      + `${readable(multiplicativeNoise(network), 2)}: single samples pull much harder than the `
      + "average. The theory is the limit of small rates: expect the simulation to differ from it.";
  }
  const line = byId("warning");
  if (line.textContent !== warning) line.textContent = warning;
}

function restart() {
  const seed = Math.min(Math.max(Math.round(Number(byId("seed").value)) || 0, 0), 2 ** 32 - 1);
  byId("seed").value = seed;
  simulation = new Simulation(networkAt(), lesson.stimuli.map(s => s.vector), seed);
  trace = null;
  showExponents();
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
  for (const input of document.querySelectorAll(`[data-key="${control.key}"]`)) {
    const shown = shownNumber(control, settings[control.key], networkAt());
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
function change(control, position, step) {
  set(control, position);
  movers.set(control.key, step);
  // What is left of the total for each axis depends on the other axes too.
  lesson.controls.filter(found => /^(frequency|covariance)/.test(found.key)).forEach(show);
  if (control.network) restart();
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; refresh(); });
}

function begin() {
  for (const control of lesson.controls) {
    set(control, 0);
    for (const input of document.querySelectorAll(`[data-key="${control.key}"]`)) {
      input.addEventListener("input", () =>
        change(control, Number(input.value), input.closest("section").id));
    }
  }
  lesson.controls.forEach(show);
  restart();
  byId("run").addEventListener("click", () => setRunning(!running));
  byId("restart").addEventListener("click", () => { restart(); refresh(); });
  byId("seed").addEventListener("change", () => { restart(); refresh(); });
  byId("reset").addEventListener("click", () => {
    movers.clear();
    lesson.controls.forEach(control => set(control, 0));
    lesson.controls.forEach(show);
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
