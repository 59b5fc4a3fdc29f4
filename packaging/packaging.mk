# SPDX-License-Identifier: Apache-2.0
rulesdir = $(pkgdatadir)/rules.d
dist_rules_DATA = packaging/rules.d/service.conf

# A daemon started from a build tree outside the source tree finds the vendor rules beside itself, too.
all-local: packaging/rules.d
packaging/rules.d:
	$(AM_V_at)$(MKDIR_P) packaging && $(LN_S) '$(abs_top_srcdir)/packaging/rules.d' $@
distclean-local:
	-test ! -L packaging/rules.d || rm -f packaging/rules.d
