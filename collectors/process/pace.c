/* SPDX-License-Identifier: Apache-2.0 */
#include "collectors/process/pace.h"

usec_t pace_rest(usec_t took, unsigned times, usec_t longest)
{
	return took < longest / times ? times * took : longest;
}
