/* SPDX-License-Identifier: Apache-2.0 */
/* An [alert NAME] section as what the rules' compiler takes.
 *
 * Layer: daemon. Pure. */
#pragma once

#include "alerts/rule.h"
#include "daemon/config/config.h"

/* Points into the section. -EINVAL where its severity or at-least is none. */
int config_rule(const struct section *s, struct rule_source *ret);
