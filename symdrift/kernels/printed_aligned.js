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
function pairCurvature(variance_i, label_noise_i, singular_value_i, variance_l, label_noise_l, singular_value_l, residual_l, slack_l, weight_decay) {
  const t0 = singular_value_i*variance_l + singular_value_l*variance_l;
  const t1 = singular_value_i*variance_i + singular_value_l*variance_i;
  const first = t0 + weight_decay;
  const second = t1 + weight_decay;
  const product = slack_l*(-slack_l + 2*weight_decay) + t0*t1 + weight_decay*(t0 + t1);
  return [first, second, product];
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
function pairFluctuation(variance_i, label_noise_i, singular_value_i, variance_l, label_noise_l, singular_value_l, residual_l, slack_l, weight_decay) {
  const hessian_p11 = singular_value_i*variance_l + singular_value_l*variance_l + weight_decay;
  const hessian_p22 = singular_value_i*variance_i + singular_value_l*variance_i + weight_decay;
  const coupling_p = residual_l*variance_l;
  const determinant_p = slack_l*(-slack_l + 2*weight_decay) + weight_decay*(singular_value_i*variance_i + singular_value_i*variance_l + singular_value_l*variance_i + singular_value_l*variance_l) + (singular_value_i*variance_i + singular_value_l*variance_i)*(singular_value_i*variance_l + singular_value_l*variance_l);
  const noise_p11 = label_noise_i*singular_value_i*variance_l + label_noise_i*singular_value_l*variance_l + singular_value_i*variance_l*Math.pow(weight_decay, 2)/variance_i + singular_value_l*variance_l*Math.pow(weight_decay, 2)/variance_i;
  const noise_p12 = residual_l*singular_value_i*variance_l*weight_decay + residual_l*singular_value_l*variance_l*weight_decay;
  const noise_p22 = label_noise_l*singular_value_i*variance_i + label_noise_l*singular_value_l*variance_i + Math.pow(residual_l, 2)*singular_value_i*variance_i*variance_l + Math.pow(residual_l, 2)*singular_value_l*variance_i*variance_l;
  const t0 = coupling_p*noise_p22 + hessian_p22*noise_p12;
  const t1 = coupling_p*noise_p12;
  const t2 = hessian_p22*noise_p11 + t1;
  const t3 = 1/(determinant_p*(2*hessian_p11 + 2*hessian_p22));
  const variance_il = t3*(coupling_p*t0 + determinant_p*noise_p11 + hessian_p22*t2);
  const variance_li = t3*(coupling_p*(coupling_p*noise_p11 + hessian_p11*noise_p12) + determinant_p*noise_p22 + hessian_p11*(hessian_p11*noise_p22 + t1));
  const covariance_il = t3*(coupling_p*t2 + determinant_p*noise_p12 + hessian_p11*t0);
  const noise_il = noise_p11;
  const noise_li = noise_p22;
  return [variance_il, variance_li, covariance_il, noise_il, noise_li];
}

// What terms need of the block (i, l).
// H Gamma + Gamma H = C, per eta and for B = 1: H, det(H), tr(H), H_11 det(H), H_22 det(H),
// o C and 4 o Gamma (twice beside the diagonal), with the share o = s_i / (s_i + s_l)
function solvedBlock(variance_i, label_noise_i, singular_value_i, residual_i, variance_l, label_noise_l, singular_value_l, residual_l, slack_l, weight_decay) {
  const total = singular_value_i + singular_value_l;
  const coupling = residual_l*variance_l;
  const bare_1 = total*variance_l;
  const bare_2 = total*variance_i;
  const first = bare_1 + weight_decay;
  const second = bare_2 + weight_decay;
  const determinant = bare_1*bare_2 + slack_l*(coupling + weight_decay) + weight_decay*(bare_1 + bare_2);
  const noise_11 = singular_value_i*variance_l*(label_noise_i + residual_i*weight_decay);
  const noise_12 = coupling*singular_value_i*weight_decay;
  const noise_22 = singular_value_i*variance_i*(coupling*residual_l + label_noise_l);
  const trace = first + second;
  const scale = 2/(determinant*trace);
  const moved_11 = coupling*noise_12 + noise_11*second;
  const moved_12 = coupling*noise_11 + first*noise_12;
  const moved_21 = coupling*noise_22 + noise_12*second;
  const moved_22 = coupling*noise_12 + first*noise_22;
  const first_determinant = determinant*first;
  const second_determinant = determinant*second;
  const variance_11 = scale*(coupling*moved_21 + determinant*noise_11 + moved_11*second);
  const covariance_12 = 2*scale*(coupling*moved_22 + determinant*noise_12 + moved_12*second);
  const variance_22 = scale*(coupling*moved_12 + determinant*noise_22 + first*moved_22);
  return [first, second, coupling, determinant, trace, first_determinant, second_determinant, noise_11, noise_12, noise_22, variance_11, covariance_12, variance_22];
}

// What the direction (i, i) and the solved block (j, i) add to the swept area of (i, j).
// o^2 (tr(Y' C_P Y Gamma_Q) + tr(Z C_Q Z' Gamma_P)) per eta and for B = 1, with h Y + Y H =
// 2 (1 1) H and H Z' + Z' h = 2 h (1 1)', both over det(H + h)
function ownTerm(variance_i, label_noise_i, singular_value_i, variance_j, singular_value_j, first_q, second_q, coupling_q, determinant_q, trace_q, first_determinant_q, second_determinant_q, noise_11_q, noise_12_q, noise_22_q, variance_11_q, covariance_12_q, variance_22_q, weight_decay) {
  const curvature = 2*singular_value_i*variance_i;
  const noise = 2*singular_value_i*(label_noise_i*variance_i + 2*Math.pow(weight_decay, 2));
  const total = singular_value_i + singular_value_j;
  const inverse = 1/(curvature*(curvature + trace_q) + determinant_q);
  const forward_11 = inverse*(curvature*total*variance_i + determinant_q);
  const forward_12 = inverse*(curvature*total*variance_j + determinant_q);
  const backward_11 = inverse*(coupling_q + curvature + second_q);
  const backward_21 = inverse*(coupling_q + curvature + first_q);
  const area = (1/2)*noise*(2*curvature*(backward_11*(backward_11*noise_11_q + 2*backward_21*noise_12_q) + Math.pow(backward_21, 2)*noise_22_q) + forward_11*(covariance_12_q*forward_12 + forward_11*variance_11_q) + Math.pow(forward_12, 2)*variance_22_q);
  return area;
}

// What the solved blocks (i, l) and (j, l) add to the swept area of (i, j).
// o^2 (tr(Y' C_P Y Gamma_Q) + tr(Z C_Q Z' Gamma_P)) per eta and for B = 1, with H_P Y + Y
// H_Q = 2 H_Q and H_P Z + Z H_Q = 2 H_P, both as 2 diag(scales) weights / resultant
function jointTerm(first_p, second_p, coupling_p, determinant_p, trace_p, first_determinant_p, second_determinant_p, noise_11_p, noise_12_p, noise_22_p, variance_11_p, covariance_12_p, variance_22_p, first_q, second_q, coupling_q, determinant_q, trace_q, first_determinant_q, second_determinant_q, noise_11_q, noise_12_q, noise_22_q, variance_11_q, covariance_12_q, variance_22_q) {
  const difference = -determinant_p + determinant_q;
  const crossed_p = determinant_q*trace_p;
  const crossed_q = determinant_p*trace_q;
  const resultant = Math.pow(difference, 2) + (crossed_p + crossed_q)*(trace_p + trace_q);
  const inverse = 1/resultant;
  const beside = coupling_p*difference*inverse;
  const scale_1 = first_q + second_p;
  const scale_2 = first_p + second_q;
  const scales_11 = Math.pow(scale_1, 2);
  const scales_12 = scale_1*scale_2;
  const scales_22 = Math.pow(scale_2, 2);
  const forward_1 = inverse*(crossed_p + determinant_p*first_q + second_determinant_q);
  const forward_2 = inverse*(crossed_p + determinant_p*second_q + first_determinant_q);
  const forward_noise_11 = noise_11_p*scales_11;
  const forward_noise_12 = noise_12_p*scales_12;
  const forward_noise_22 = noise_22_p*scales_22;
  const forward_moved_11 = beside*forward_noise_12 + forward_1*forward_noise_11;
  const forward_moved_12 = beside*forward_noise_11 + forward_2*forward_noise_12;
  const forward_moved_21 = beside*forward_noise_22 + forward_1*forward_noise_12;
  const forward_moved_22 = beside*forward_noise_12 + forward_2*forward_noise_22;
  const forward_swept_11 = beside*forward_moved_21 + forward_1*forward_moved_11;
  const forward_swept_12 = beside*forward_moved_22 + forward_1*forward_moved_12;
  const forward_swept_22 = beside*forward_moved_12 + forward_2*forward_moved_22;
  const backward_1 = inverse*(crossed_q + determinant_q*first_p + second_determinant_p);
  const backward_2 = inverse*(crossed_q + determinant_q*second_p + first_determinant_p);
  const backward_noise_11 = noise_11_q*scales_22;
  const backward_noise_12 = noise_12_q*scales_12;
  const backward_noise_22 = noise_22_q*scales_11;
  const backward_moved_11 = backward_1*backward_noise_11 - backward_noise_12*beside;
  const backward_moved_12 = backward_2*backward_noise_12 - backward_noise_11*beside;
  const backward_moved_21 = backward_1*backward_noise_12 - backward_noise_22*beside;
  const backward_moved_22 = backward_2*backward_noise_22 - backward_noise_12*beside;
  const backward_swept_11 = backward_1*backward_moved_11 - backward_moved_21*beside;
  const backward_swept_12 = backward_1*backward_moved_12 - backward_moved_22*beside;
  const backward_swept_22 = backward_2*backward_moved_22 - backward_moved_12*beside;
  const area = backward_swept_11*variance_11_p + backward_swept_12*covariance_12_p + backward_swept_22*variance_22_p + covariance_12_q*forward_swept_12 + forward_swept_11*variance_11_q + forward_swept_22*variance_22_q;
  return area;
}

// What the direction (i, i) and the solved block (j, i) add to the swept area of (i, j).
// o^2 (tr(C_P Gamma_Q) + tr(C_Q Gamma_P)) with (1 1) between the two, per eta and for B = 1:
// the white-noise approximation
function ownTermWhiteNoise(variance_i, label_noise_i, singular_value_i, variance_j, singular_value_j, first_q, second_q, coupling_q, determinant_q, trace_q, first_determinant_q, second_determinant_q, noise_11_q, noise_12_q, noise_22_q, variance_11_q, covariance_12_q, variance_22_q, weight_decay) {
  const curvature = 2*singular_value_i*variance_i;
  const area = singular_value_i*(label_noise_i*variance_i + 2*Math.pow(weight_decay, 2))*((1/4)*covariance_12_q + (1/4)*variance_11_q + (1/4)*variance_22_q + (1/2)*(noise_11_q + 2*noise_12_q + noise_22_q)/curvature);
  return area;
}

// What the solved blocks (i, l) and (j, l) add to the swept area of (i, j).
// o^2 (tr(C_P Gamma_Q) + tr(C_Q Gamma_P)) per eta and for B = 1: the white-noise
// approximation
function jointTermWhiteNoise(first_p, second_p, coupling_p, determinant_p, trace_p, first_determinant_p, second_determinant_p, noise_11_p, noise_12_p, noise_22_p, variance_11_p, covariance_12_p, variance_22_p, first_q, second_q, coupling_q, determinant_q, trace_q, first_determinant_q, second_determinant_q, noise_11_q, noise_12_q, noise_22_q, variance_11_q, covariance_12_q, variance_22_q) {
  const area = (1/4)*covariance_12_p*noise_12_q + (1/4)*covariance_12_q*noise_12_p + (1/4)*noise_11_p*variance_11_q + (1/4)*noise_11_q*variance_11_p + (1/4)*noise_22_p*variance_22_q + (1/4)*noise_22_q*variance_22_p;
  return area;
}

// Diffusion coefficient of one plane from its swept area.
// D = eta^3 area / (2 B^2 G^2)
function diffusion(area, singular_value_i, singular_value_j, learning_rate, batch) {
  const diffusion = (1/2)*area*Math.pow(learning_rate, 3)/(Math.pow(batch, 2)*Math.pow(2*singular_value_i + 2*singular_value_j, 2));
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
