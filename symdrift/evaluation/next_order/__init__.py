"""The next order in the learning rate: what every number is corrected by, per unit of the rate.

The leading order holds for small rates; the correction ``c`` of ``q = q_0 (1 + c eta + ...)`` says
how small.  With ``epsilon = sqrt(eta)`` the weights are ``Q (theta* + epsilon n)``, and one step is
expanded in powers of ``epsilon`` for any update that is a polynomial of the weights:

- `polynomials`: a rule's update as a polynomial of the deviation, from the rule itself,
- `one_step`: rotation and new deviation after one step, power by power,
- `batches`: averages of products over the samples of a step,
- `stationary`: moments of the deviation, where it neither grows nor shrinks,
- `poisson`: the function that turns rotations into increments without memory,
- `rotation`: covariance of rotations, decay of representations,
- `direct_noise`: what noise of the synapses adds to them,
- `two_times`: products of representations at two times, at any lag,
- `expansion`: all of these of one problem,
- `orders`: both orders of everything that an evaluation prints,
- `subnetworks`: the same for aligned networks of any size, `cost`: what can be afforded,
- `corrected`: the correction of each number of an evaluation,
- `alike_axes`: the isotropic autoencoder of any size in closed form, by `printed_orders`.
"""
