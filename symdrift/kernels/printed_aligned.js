// Formulas of single directions, blocks and planes of an aligned network.
// Printed by ``python -m symdrift.kernels`` from the symbolic derivation: do not edit.


// Singular value of an active direction.
// s = a - gamma/lambda, from the excess lambda a - gamma
function singularValue(variance, excess) {
  const singular_value = excess/variance;
  return singular_value;
}

// What an active direction leaves of the gain.
// E = gamma/lambda
function residual(variance, weight_decay) {
  const residual = weight_decay/variance;
  return residual;
}

// Expected loss of one direction.
// lambda E^2 / 2 + sigma^2 / 2 + gamma s
function loss(variance, label_noise, singular_value, residual, weight_decay) {
  const loss = (1/2)*label_noise + (1/2)*Math.pow(residual, 2)*variance + singular_value*weight_decay;
  return loss;
}

// By how much learning a direction lowers the loss.
// lambda s^2 / 2
function lossReduction(variance, singular_value) {
  const reduction = (1/2)*Math.pow(singular_value, 2)*variance;
  return reduction;
}

// Total fluctuation from its value per eta and for B = 1.
// eta tr(Gamma) / B
function batchShare(total, learning_rate, batch) {
  const share = learning_rate*total/batch;
  return share;
}

// Excess loss from the total gradient noise for B = 1.
// tr(H Gamma) / 2 = eta tr(C) / (4 B)
function excessLoss(noise, learning_rate, batch) {
  const excess = (1/4)*learning_rate*noise/batch;
  return excess;
}

// Hessian of the direction (i, i).
// 2 s_i lambda_i
function ownCurvature(variance_i, label_noise_i, singular_value_i, weight_decay) {
  const curvature = 2*singular_value_i*variance_i;
  return curvature;
}

// Diagonal and determinant of the Hessian of the block (i, l).
// H_11 = (s_i + s_l) lambda_l + gamma, H_22 = (s_i + s_l) lambda_i + gamma, H_11 H_22 -
// H_12^2
function pairCurvature(variance_i, label_noise_i, singular_value_i, variance_l, label_noise_l, singular_value_l, residual_l, slack_l, missed_value_l, gap, weight_decay) {
  const total = singular_value_i + singular_value_l;
  const coupling = residual_l*variance_l;
  const separation = gap + singular_value_l*variance_i*(singular_value_i + total);
  const variances = variance_i*variance_l;
  const root = Math.sqrt(variances);
  const spread = 2*root + variance_i + variance_l;
  const worth = missed_value_l*root + total*variance_i;
  const determinant = separation*variance_l + slack_l*(coupling + weight_decay) + weight_decay*(2*root*separation*spread + total*worth*Math.pow(variance_i - variance_l, 2))/(spread*worth);
  const first = singular_value_i*variance_l + singular_value_l*variance_l + weight_decay;
  const second = singular_value_i*variance_i + singular_value_l*variance_i + weight_decay;
  return [first, second, determinant];
}

// Hessian of normal directions between active axes that noise does not reach.
// 2*gamma
function unreachedCurvature(weight_decay) {
  const curvature = 2*weight_decay;
  return curvature;
}

// Hessian of a silent hidden unit along an axis that is not learned.
// gamma - lambda |a| = slack and gamma + lambda |a|
function silentCurvature(slack_l, weight_decay) {
  const lower = slack_l;
  const upper = -slack_l + 2*weight_decay;
  return [lower, upper];
}

// Fluctuation and gradient noise of the direction (i, i), per eta and for B = 1.
// H Gamma + Gamma H = C
function ownFluctuation(variance_i, label_noise_i, singular_value_i, weight_decay) {
  const t0 = 2*label_noise_i*singular_value_i*variance_i + 4*singular_value_i*Math.pow(weight_decay, 2);
  const variance_ii = (1/4)*t0/(singular_value_i*variance_i);
  const noise_ii = t0;
  return [variance_ii, noise_ii];
}

// Fluctuation and gradient noise of the block (i, l), per eta and for B = 1.
// H Gamma + Gamma H = C for two rows: Gamma = (det(H) C + adj(H) C adj(H)) / (2 tr(H)
// det(H))
function pairFluctuation(variance_i, label_noise_i, singular_value_i, variance_l, label_noise_l, singular_value_l, residual_l, slack_l, missed_value_l, gap, weight_decay) {
  const total = singular_value_i + singular_value_l;
  const coupling = residual_l*variance_l;
  const separation = gap + singular_value_l*variance_i*(singular_value_i + total);
  const variances = variance_i*variance_l;
  const root = Math.sqrt(variances);
  const spread = 2*root + variance_i + variance_l;
  const worth = missed_value_l*root + total*variance_i;
  const determinant = separation*variance_l + slack_l*(coupling + weight_decay) + weight_decay*(2*root*separation*spread + total*worth*Math.pow(variance_i - variance_l, 2))/(spread*worth);
  const hessian_11 = singular_value_i*variance_l + singular_value_l*variance_l + weight_decay;
  const hessian_22 = singular_value_i*variance_i + singular_value_l*variance_i + weight_decay;
  const noise_11 = label_noise_i*singular_value_i*variance_l + label_noise_i*singular_value_l*variance_l + singular_value_i*variance_l*Math.pow(weight_decay, 2)/variance_i + singular_value_l*variance_l*Math.pow(weight_decay, 2)/variance_i;
  const noise_12 = residual_l*singular_value_i*variance_l*weight_decay + residual_l*singular_value_l*variance_l*weight_decay;
  const noise_22 = label_noise_l*singular_value_i*variance_i + label_noise_l*singular_value_l*variance_i + Math.pow(residual_l, 2)*singular_value_i*variance_i*variance_l + Math.pow(residual_l, 2)*singular_value_l*variance_i*variance_l;
  const t0 = coupling*noise_22 + hessian_22*noise_12;
  const t1 = coupling*noise_12;
  const t2 = hessian_22*noise_11 + t1;
  const t3 = 1/(determinant*(2*hessian_11 + 2*hessian_22));
  const variance_il = t3*(coupling*t0 + determinant*noise_11 + hessian_22*t2);
  const variance_li = t3*(coupling*(coupling*noise_11 + hessian_11*noise_12) + determinant*noise_22 + hessian_11*(hessian_11*noise_22 + t1));
  const covariance_il = t3*(coupling*t2 + determinant*noise_12 + hessian_11*t0);
  const noise_il = noise_11;
  const noise_li = noise_22;
  return [variance_il, variance_li, covariance_il, noise_il, noise_li];
}

// What all blocks (i, l) of a direction l have beside their diagonals.
// For B = 1: kappa = -H_12, c = o C_12 / s_i with the share o = s_i / (s_i + s_l), 2 c,
// kappa^2, 2 kappa c and 2 c^2
function besideBlocks(variance_l, residual_l, weight_decay) {
  const coupling = residual_l*variance_l;
  const noise_12 = coupling*weight_decay;
  const doubled_12 = 2*noise_12;
  const squared_coupling = Math.pow(coupling, 2);
  const coupled_noise = coupling*doubled_12;
  const squared_noise = doubled_12*noise_12;
  return [coupling, noise_12, doubled_12, squared_coupling, coupled_noise, squared_noise];
}

// What terms need of the block (i, l).
// For B = 1: H_11, H_22, det(H), o C_11 / s_i and o C_22 / s_i with the share o = s_i / (s_i
// + s_l), 2 / tr(H), 2 det(H) / tr(H), H_11 - gamma and H_22 - gamma
function solvedBlock(variance_i, label_noise_i, singular_value_i, residual_i, variance_l, label_noise_l, singular_value_l, residual_l, slack_l, missed_value_l, gap, weight_decay) {
  const total = singular_value_i + singular_value_l;
  const coupling = residual_l*variance_l;
  const separation = gap + singular_value_l*variance_i*(singular_value_i + total);
  const variances = variance_i*variance_l;
  const root = Math.sqrt(variances);
  const spread = 2*root + variance_i + variance_l;
  const worth = missed_value_l*root + total*variance_i;
  const determinant = separation*variance_l + slack_l*(coupling + weight_decay) + weight_decay*(2*root*separation*spread + total*worth*Math.pow(variance_i - variance_l, 2))/(spread*worth);
  const bare_1 = total*variance_l;
  const bare_2 = total*variance_i;
  const first = bare_1 + weight_decay;
  const second = bare_2 + weight_decay;
  const weight = 2/(first + second);
  const noise_11 = variance_l*(label_noise_i + residual_i*weight_decay);
  const noise_22 = variance_i*(coupling*residual_l + label_noise_l);
  const determinant_weight = determinant*weight;
  return [first, second, determinant, noise_11, noise_22, weight, determinant_weight, bare_1, bare_2];
}

// What the direction (i, i) and the solved block (j, i) add to the swept area of (i, j).
// o^2 (tr(Y' C_P Y Gamma_Q) + tr(Z C_Q Z' Gamma_P)) / (s_i s_j) per eta and for B = 1, with
// h Y + Y H = 2 (1 1) H and H Z' + Z' h = 2 h (1 1)', both over det(H + h)
function ownTerm(variance_i, label_noise_i, singular_value_i, first_q, second_q, determinant_q, noise_11_q, noise_22_q, weight_q, determinant_weight_q, bare_1_q, bare_2_q, coupling, noise_12, doubled_12, squared_coupling, coupled_noise, squared_noise, weight_decay) {
  const curvature = 2*singular_value_i*variance_i;
  const noise = label_noise_i*variance_i + 2*Math.pow(weight_decay, 2);
  const inverse = 1/(curvature*(curvature + first_q + second_q) + determinant_q);
  const moved = coupling + curvature;
  const forward_11 = inverse*(bare_1_q*curvature + determinant_q);
  const forward_12 = inverse*(bare_2_q*curvature + determinant_q);
  const backward_11 = inverse*(moved + second_q);
  const backward_21 = inverse*(first_q + moved);
  const area = noise*(weight_q*(forward_11*(doubled_12*forward_12 + forward_11*noise_11_q) + Math.pow(forward_12, 2)*noise_22_q) + (2*curvature + determinant_weight_q)*(backward_11*(backward_11*noise_11_q + backward_21*doubled_12) + Math.pow(backward_21, 2)*noise_22_q));
  return area;
}

// What the solved blocks (i, l) and (j, l) add to the swept area of (i, j).
// o^2 (tr(Y' C_P Y Gamma_Q) + tr(Z C_Q Z' Gamma_P)) / (s_i s_j) per eta and for B = 1, with
// H_P Y + Y H_Q = 2 H_Q, H_P Z + Z H_Q = 2 H_P and H_P W + W H_Q = 2: of F(X) = tr(C_P X C_Q
// X') it is o^2 (F(Y) / (2 tr(H_Q)) + F(Z) / (2 tr(H_P)) + F(W) (det(H_Q) / (2 tr(H_Q)) +
// det(H_P) / (2 tr(H_P)))) / (s_i s_j)
function jointTerm(first_p, second_p, determinant_p, noise_11_p, noise_22_p, weight_p, determinant_weight_p, bare_1_p, bare_2_p, first_q, second_q, determinant_q, noise_11_q, noise_22_q, weight_q, determinant_weight_q, bare_1_q, bare_2_q, coupling, noise_12, doubled_12, squared_coupling, coupled_noise, squared_noise) {
  const firsts = first_p + first_q;
  const seconds = second_p + second_q;
  const crossed_1 = determinant_p*first_q + determinant_q*first_p;
  const crossed_2 = determinant_p*second_q + determinant_q*second_p;
  const scale_1 = first_q + second_p;
  const scale_2 = first_p + second_q;
  const ahead_1 = crossed_1 + determinant_q*seconds;
  const ahead_2 = crossed_2 + determinant_q*firsts;
  const behind_1 = crossed_1 + determinant_p*seconds;
  const behind_2 = crossed_2 + determinant_p*firsts;
  const resultant = ahead_1*scale_1 + behind_1*scale_2;
  const inverse = 1/resultant;
  const turn_1 = inverse*scale_1;
  const turn_2 = inverse*scale_2;
  const both = scale_2*turn_1;
  const turned_1 = noise_11_p*turn_1;
  const turned_2 = noise_22_p*turn_2;
  const back_1 = noise_11_q*turn_2;
  const back_2 = noise_22_q*turn_1;
  const noise_11 = noise_11_p*noise_11_q;
  const noise_22 = noise_22_p*noise_22_q;
  const mixed_1 = coupled_noise*(back_1 + turned_1);
  const mixed_2 = coupled_noise*(back_2 + turned_2);
  const square = squared_coupling*(back_1*turned_2 + back_2*turned_1 + squared_noise*turn_1*turn_2);
  const difference = determinant_p - determinant_q;
  const outer_11 = difference*mixed_1;
  const outer_12 = difference*mixed_2;
  const outer_13 = Math.pow(difference, 2)*square;
  const traces = firsts + seconds;
  const forward_1 = ahead_1*turn_1;
  const forward_2 = ahead_2*turn_2;
  const forward_area = forward_1*(forward_1*noise_11 + forward_2*squared_noise - outer_11) + forward_2*(forward_2*noise_22 - outer_12) + outer_13;
  const backward_1 = behind_1*turn_2;
  const backward_2 = behind_2*turn_1;
  const backward_area = backward_1*(backward_1*noise_11 + backward_2*squared_noise + outer_11) + backward_2*(backward_2*noise_22 + outer_12) + outer_13;
  const still_1 = both*seconds;
  const still_2 = both*firsts;
  const still_area = square*Math.pow(traces, 2) + still_1*(mixed_1*traces + noise_11*still_1 + squared_noise*still_2) + still_2*(mixed_2*traces + noise_22*still_2);
  const area = backward_area*weight_p + forward_area*weight_q + still_area*(determinant_weight_p + determinant_weight_q);
  return area;
}

// What the direction (i, i) and the solved block (j, i) add to the swept area of (i, j).
// o^2 (tr(C_P Gamma_Q) + tr(C_Q Gamma_P)) / (s_i s_j) with (1 1) between the two, per eta
// and for B = 1: the white-noise approximation
function ownTermWhiteNoise(variance_i, label_noise_i, singular_value_i, first_q, second_q, determinant_q, noise_11_q, noise_22_q, weight_q, determinant_weight_q, bare_1_q, bare_2_q, coupling, noise_12, doubled_12, squared_coupling, coupled_noise, squared_noise, weight_decay) {
  const curvature = 2*singular_value_i*variance_i;
  const t0 = noise_11_q + noise_22_q;
  const t1 = 2*noise_12;
  const t2 = Math.pow(coupling, 2);
  const t3 = coupling*first_q;
  const t4 = coupling*second_q;
  const area = (label_noise_i*variance_i + 2*Math.pow(weight_decay, 2))*((1/4)*weight_q*(t0 + t1 + (Math.pow(first_q, 2)*noise_22_q + first_q*second_q*t1 + noise_11_q*Math.pow(second_q, 2) + noise_11_q*t2 + 2*noise_11_q*t4 + noise_22_q*t2 + 2*noise_22_q*t3 + t1*t2 + t1*t3 + t1*t4)/determinant_q) + (1/2)*(doubled_12 + t0)/curvature);
  return area;
}

// What the solved blocks (i, l) and (j, l) add to the swept area of (i, j).
// o^2 (tr(C_P Gamma_Q) + tr(C_Q Gamma_P)) / (s_i s_j) per eta and for B = 1: the white-noise
// approximation
function jointTermWhiteNoise(first_p, second_p, determinant_p, noise_11_p, noise_22_p, weight_p, determinant_weight_p, bare_1_p, bare_2_p, first_q, second_q, determinant_q, noise_11_q, noise_22_q, weight_q, determinant_weight_q, bare_1_q, bare_2_q, coupling, noise_12, doubled_12, squared_coupling, coupled_noise, squared_noise) {
  const t0 = noise_11_p*noise_11_q;
  const t1 = noise_22_p*noise_22_q;
  const t2 = 2*Math.pow(noise_12, 2);
  const t3 = 2*coupling*noise_12;
  const t4 = first_p*t3;
  const t5 = second_p*t3;
  const t6 = Math.pow(coupling, 2);
  const t7 = noise_11_p*noise_22_q*t6 + noise_11_q*noise_22_p*t6 + t2*t6;
  const t8 = t0 + t1 + t2;
  const t9 = first_q*t3;
  const t10 = second_q*t3;
  const area = (1/4)*weight_p*(t8 + (Math.pow(first_p, 2)*t1 + first_p*second_p*t2 + noise_11_p*t5 + noise_11_q*t5 + noise_22_p*t4 + noise_22_q*t4 + Math.pow(second_p, 2)*t0 + t7)/determinant_p) + (1/4)*weight_q*(t8 + (Math.pow(first_q, 2)*t1 + first_q*second_q*t2 + noise_11_p*t10 + noise_11_q*t10 + noise_22_p*t9 + noise_22_q*t9 + Math.pow(second_q, 2)*t0 + t7)/determinant_q);
  return area;
}

// Diffusion coefficient of one plane from its swept area.
// D = eta^3 s_i s_j area / (2 B^2 G^2): the area comes without both singular values
function diffusion(area, singular_value_i, singular_value_j, learning_rate, batch) {
  const diffusion = (1/2)*area*Math.pow(learning_rate, 3)*singular_value_i*singular_value_j/(Math.pow(batch, 2)*Math.pow(2*singular_value_i + 2*singular_value_j, 2));
  return diffusion;
}

// Squared component w_i^2 of the representation along one hidden axis.
// w_i^2 = s_i x_i^2
function squaredComponent(stimulus_i, singular_value_i) {
  const squared_component = singular_value_i*Math.pow(stimulus_i, 2);
  return squared_component;
}

// Half the distance of the two Hessian eigenvalues of the block (i, l).
// rho = sqrt((H_11 - H_22)^2 / 4 + H_12^2)
function halfDistance(variance_i, label_noise_i, singular_value_i, variance_l, label_noise_l, singular_value_l, residual_l, weight_decay) {
  const rho = Math.sqrt(Math.pow(residual_l, 2)*Math.pow(variance_l, 2) + (1/4)*Math.pow(singular_value_i + singular_value_l, 2)*Math.pow(variance_i - variance_l, 2));
  return rho;
}

// Rotation of the hidden layer by one loop of the fluctuation, in rad.
// 2 Omega_(ii, ij) area / G for a loop in the plane of u_ii and u_ij
function loopRotation(area, singular_value_i, singular_value_j) {
  const rotation = Math.sqrt(2)*area*Math.sqrt(singular_value_j)/(Math.sqrt(singular_value_i + singular_value_j)*(2*singular_value_i + 2*singular_value_j));
  return rotation;
}


export {
  singularValue,
  residual,
  loss,
  lossReduction,
  batchShare,
  excessLoss,
  ownCurvature,
  pairCurvature,
  unreachedCurvature,
  silentCurvature,
  ownFluctuation,
  pairFluctuation,
  besideBlocks,
  solvedBlock,
  ownTerm,
  jointTerm,
  ownTermWhiteNoise,
  jointTermWhiteNoise,
  diffusion,
  squaredComponent,
  halfDistance,
  loopRotation,
};
