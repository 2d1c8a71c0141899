// Drift in aligned networks: the scalar formulas below are printed from symbolic expressions.


import {
  singularValue, residual, loss, lossReduction, batchShare, excessLoss, ownCurvature,
  pairCurvature, unreachedCurvature, silentCurvature, ownFluctuation, pairFluctuation,
  besideBlocks, solvedBlock, ownTerm, jointTerm, ownTermWhiteNoise, jointTermWhiteNoise,
  diffusion, squaredComponent, halfDistance, loopRotation,
} from "./printed_aligned.js";


// Directions of a network, padded to max(n, m).  A network is an object with the arrays
// covariance (n), gains (min(n, m)), label_noise (m) and the numbers weight_decay,
// learning_rate, batch, inputs, outputs, hidden.
function axes(network) {
  const {inputs, outputs, hidden, weight_decay} = network;
  const size = Math.max(inputs, outputs);
  const padded = values => Array.from({length: size}, (_, k) => values[k] ?? 0);
  const variance = padded(network.covariance);
  const gain = padded(network.gains).map(Math.abs);
  const label_noise = padded(network.label_noise);
  const learnable = variance.map((value, k) => value * gain[k] > weight_decay);
  const learned = variance.map((value, k) =>
    learnable[k] ? singularValue(value, value * gain[k] - weight_decay) : 0);
  // What a direction that is learned takes off the loss decides who passes a bottleneck.
  const reduction = variance.map((value, k) => lossReduction(value, learned[k]));
  const order = variance.map((_, k) => k).sort((a, b) => reduction[b] - reduction[a] || a - b);
  const active = variance.map(() => false);
  order.slice(0, hidden).forEach(k => { active[k] = learnable[k]; });
  const singular_value = learned.map((value, k) => active[k] ? value : 0);
  const left = gain.map((value, k) => active[k] ? residual(variance[k], weight_decay) : value);
  const slack = variance.map((value, k) => active[k] ? 0 : weight_decay - value * gain[k]);
  const missed = learned.map((value, k) => active[k] ? 0 : value);
  const strength = variance.map((value, k) => value * learned[k] ** 2);
  return {size, variance, label_noise, singular_value, residual: left, slack, missed, strength, active};
}

const at = (found, k) => [found.variance[k], found.label_noise[k], found.singular_value[k]];

// Slack, missed singular value and gap of a direction i and another one l.
const closeness = (found, i, l) => found.missed[l] > 0
  ? [0, found.missed[l], found.strength[i] - found.strength[l]]
  : [found.slack[l], 0, found.strength[i]];

const matrix = size => Array.from({length: size}, () => new Array(size).fill(0));

// What is known of the blocks (i, l) of active directions i.
function solvedBlocks(found, weight_decay) {
  const known = k => [...at(found, k), found.residual[k]];
  return found.variance.map((_, i) => found.active[i]
    ? found.variance.map((_, l) =>
      solvedBlock(...known(i), ...known(l), ...closeness(found, i, l), weight_decay))
    : null);
}

function sweptArea(found, weight_decay, own, joint) {
  const area = matrix(found.size), blocks = solvedBlocks(found, weight_decay);
  const beside = found.variance.map((value, l) =>
    besideBlocks(value, found.residual[l], weight_decay));
  const alone = (i, j) => own(...at(found, i), ...blocks[j][i], ...beside[i], weight_decay);
  for (let i = 0; i < found.size; i++) for (let j = i + 1; j < found.size; j++) {
    if (!found.active[i] || !found.active[j]) continue;
    let sum = alone(i, j) + alone(j, i);
    for (let l = 0; l < found.size; l++) {
      if (l !== i && l !== j) sum += joint(...blocks[i][l], ...blocks[j][l], ...beside[l]);
    }
    area[i][j] = area[j][i] = sum;
  }
  return area;
}

function tensor(network, own, joint) {
  const found = axes(network);
  const area = sweptArea(found, network.weight_decay, own, joint);
  return area.slice(0, network.inputs).map((row, i) => row.slice(0, network.inputs).map(
    (value, j) => value === 0 ? 0 : diffusion(
      value, found.singular_value[i], found.singular_value[j],
      network.learning_rate, network.batch)));
}

// Fluctuation and gradient noise of u_ab (output a, input b), per eta and for B = 1.
function blockFluctuation(network) {
  const found = axes(network), {weight_decay} = network;
  const variance = matrix(found.size), noise = matrix(found.size), cross = matrix(found.size);
  for (let i = 0; i < found.size; i++) {
    if (!found.active[i]) continue;
    [variance[i][i], noise[i][i]] = ownFluctuation(...at(found, i), weight_decay);
    for (let l = 0; l < found.size; l++) {
      if (l === i || (found.active[l] && l < i)) continue;
      [variance[i][l], variance[l][i], cross[i][l], noise[i][l], noise[l][i]] = pairFluctuation(
        ...at(found, i), ...at(found, l), found.residual[l], ...closeness(found, i, l), weight_decay);
      cross[l][i] = cross[i][l];
    }
  }
  return {variance, noise, cross};
}

const total = rows => rows.reduce((sum, row) => sum + row.reduce((a, b) => a + b, 0), 0);

function hessianRange(network) {
  const found = axes(network), {weight_decay, inputs, outputs, hidden} = network;
  const values = [];
  const rank = found.active.filter(Boolean).length;
  for (let i = 0; i < found.size; i++) {
    if (!found.active[i]) {
      if (rank < hidden) {
        values.push(...silentCurvature(found.slack[i], weight_decay));
      }
      continue;
    }
    values.push(ownCurvature(...at(found, i), weight_decay), unreachedCurvature(weight_decay));
    for (let l = 0; l < found.size; l++) {
      if (l === i) continue;
      const pair = [...at(found, i), ...at(found, l), found.residual[l]];
      const [first, second, product] = pairCurvature(...pair, ...closeness(found, i, l), weight_decay);
      const upper = (first + second) / 2 + halfDistance(...pair, weight_decay);
      if (l >= inputs) values.push(second);
      else if (l >= outputs) values.push(first);
      else values.push(product / upper, upper);
    }
  }
  return [Math.min(...values), Math.max(...values)];
}

// Whether the minimum is strict: no direction on its threshold, no tie for the last hidden unit.
function isStrict(network) {
  const found = axes(network), {weight_decay, hidden} = network;
  const distance = (a, b) => Math.abs(a - b) / Math.max(Math.abs(a), Math.abs(b));
  const gain = found.residual.map((value, k) => value + found.singular_value[k]);
  const strength = found.variance.map((value, k) => value * gain[k]);
  const met = strength.map(value => distance(value, weight_decay) < 1e-9);
  const reductions = found.variance
    .map((value, k) => strength[k] > weight_decay && !met[k]
      ? lossReduction(value, singularValue(value, value * gain[k] - weight_decay)) : 0)
    .filter(value => value > 0).sort((a, b) => b - a);
  // Without a silent hidden unit an axis at its threshold has nobody to begin to learn it.
  if (met.some(Boolean) && reductions.length < hidden) return false;
  return reductions.length <= hidden
    || distance(reductions[hidden - 1], reductions[hidden]) >= 1e-9;
}

const diffusionTensor = network => tensor(network, ownTerm, jointTerm);

const decayMatrix = network =>
  diffusionTensor(network).map(row => row.reduce((a, b) => a + b, 0));

function squaredComponents(stimulus, network) {
  const {singular_value} = axes(network);
  return stimulus.map((value, k) => squaredComponent(value, singular_value[k]));
}

function representationDiffusion(stimulus, network) {
  const rates = decayMatrix(network);
  return squaredComponents(stimulus, network).reduce((sum, value, k) => sum + value * rates[k], 0);
}

function decayRate(stimulus, network) {
  const norm = squaredComponents(stimulus, network).reduce((a, b) => a + b, 0);
  return norm > 0 ? representationDiffusion(stimulus, network) / norm : 0;
}

export default {
  singularValues: network => axes(network).singular_value.slice(0, network.inputs),
  loss(network) {
    const found = axes(network);
    return found.variance.reduce((sum, _, k) =>
      sum + loss(...at(found, k), found.residual[k], network.weight_decay), 0);
  },
  hessianRange,
  isStrict,
  fluctuation(network) {
    const {variance, noise} = blockFluctuation(network);
    const {learning_rate, batch} = network;
    return [
      batchShare(total(variance), learning_rate, batch),
      excessLoss(total(noise), learning_rate, batch),
    ];
  },
  blockFluctuation,
  diffusionTensor,
  diffusionTensorWhiteNoise: network => tensor(network, ownTermWhiteNoise, jointTermWhiteNoise),
  representationDiffusion,
  decayRate,
  loopRotation,
};
