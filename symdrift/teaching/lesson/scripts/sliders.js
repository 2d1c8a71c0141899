// The network that the sliders describe.  What is computed with stands in `lesson` (the study's
// numbers) and `kernels` (the generated formulas).

const settings = {};
const movers = new Map();   // key of a slider that has been moved: the step it was moved in

const sum = values => values.reduce((a, b) => a + b, 0);
const degrees = angle => angle * 180 / Math.PI;
const radians = angle => angle * Math.PI / 180;

function valueOf(control, position) {
  if (control.step === 0) return control.start * 2 ** (position / lesson.octave);
  const value = control.start + position * control.step;
  // What rounding leaves of zero is zero.
  return Math.abs(value) < 1e-9 * control.step ? 0 : value;
}

// The total variance, with the frequent axis met so many times as often against the others.
function shared(covariance, odds) {
  const own = covariance[lesson.frequent], others = sum(covariance) - own;
  const scale = (own + others) / (odds * own + others);
  return covariance.map((value, k) => scale * (k === lesson.frequent ? odds * value : value));
}

const frequencyIn = ({covariance}) => covariance[lesson.frequent] / sum(covariance);

// The number beside a slider: frequency and variances are those that the network gets.
function shownNumber(control, value, network) {
  const [name, index] = control.key.split(".");
  if (name === "frequency") return 100 * frequencyIn(network);
  return name === "covariance" ? network.covariance[index] : value;
}

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

// The study, with only those sliders moved that a test chooses.
function studyWith(chosen) {
  return networkAt(Object.fromEntries(lesson.controls.filter(control => !chosen(control))
    .map(control => [control.key, control.start])));
}

const startingNetwork = () => studyWith(() => false);

// What the sliders of one step have made of the study.
const ownNetwork = step => studyWith(control => movers.get(control.key) === step);

// Sliders of the network, besides those of some keys, that stand elsewhere than in the study.
function movedBesides(keys) {
  return lesson.controls.filter(control =>
    control.network && !keys.includes(control.key) && settings[control.key] !== control.start);
}

// --- Local exponents ---------------------------------------------------------------------

function rateOf(stimulus, network) {
  return lesson.compares === "decay rate"
    ? kernels.decayRate(stimulus.vector, network)
    : kernels.representationDiffusion(stimulus.vector, network);
}

// What the exponents of a step are of; planes keep their axes while a number moves.
const responses = {
  fluctuation: () => network => kernels.fluctuation(network)[1],
  diffusion() {
    const [i, j] = minimumOf(networkAt()).axes;
    return network => kernels.diffusionTensor(network)[i]?.[j] ?? 0;
  },
  stimuli: () => network => rateOf(lesson.stimuli[0], network),
};

// d log(response) / d log(number) along `path`, which gives network and number at a factor; NaN
// where there is none.
function exponent(response, path) {
  const width = 1e-4;
  if (!kernels.isStrict(path(1)[0])) return NaN;
  const [low, high] = [Math.exp(-width), Math.exp(width)].map(factor => {
    const [network, number] = path(factor);
    return [Math.log(response(network)), Math.log(number)];
  });
  return (high[0] - low[0]) / (high[1] - low[1]);
}

function exponentOf(step, control) {
  return exponent(responses[step](), factor => {
    const value = settings[control.key] * factor;
    const network = networkAt({[control.key]: value});
    return [network, shownNumber(control, value, network)];
  });
}

// The variance of the frequent axis alone; the others keep theirs.
function withVariance(network, factor) {
  const covariance = network.covariance.map((value, k) =>
    k === lesson.frequent ? factor * value : value);
  return {...network, covariance};
}

const exponentAlone = step => exponent(responses[step](), factor => [
  withVariance(networkAt(), factor), factor]);

// Two decimals; powers are not known better by eye.
const rounded = value => readable(Math.round(100 * value) / 100);

function showExponents() {
  for (const place of document.querySelectorAll(".exponent")) {
    const control = lesson.controls.find(found => found.key === place.dataset.control);
    const value = exponentOf(place.closest("section").id, control);
    place.textContent = Number.isFinite(value) ? `exponent ${rounded(value)}` : "";
  }
}

