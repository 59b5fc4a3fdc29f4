/* SPDX-License-Identifier: Apache-2.0 */
/* modelwatch-engine. */
#include "daemon/engine/program.h"

int main(void)
{
	return role_run(&engine_program);
}
