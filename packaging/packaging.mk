# SPDX-License-Identifier: Apache-2.0
rulesdir = $(pkgdatadir)/rules.d
dist_rules_DATA = packaging/rules.d/service.conf

# A daemon started from a build tree outside the source tree finds the vendor rules beside itself, too.
# No target of its own: make would find the source tree's folder through VPATH.
all-local:
	$(AM_V_at)test -e packaging/rules.d || { $(MKDIR_P) packaging && \
		$(LN_S) '$(abs_top_srcdir)/packaging/rules.d' packaging/rules.d; }
distclean-local:
	-test ! -L packaging/rules.d || rm -f packaging/rules.d

dist_man_MANS += packaging/man/modelwatchd.8

# The unit names the program where Debian and Fedora have it; installed elsewhere, it names that place.
EXTRA_DIST += packaging/modelwatchd.service
if WITH_SYSTEMD_UNITS
install-data-local:
	$(MKDIR_P) '$(DESTDIR)$(systemdsystemunitdir)'
	sed -e 's|/usr/sbin/|$(sbindir)/|' -e 's|/usr/libexec/modelwatch/|$(pkglibexecdir)/|' '$(srcdir)/packaging/modelwatchd.service' \
		>'$(DESTDIR)$(systemdsystemunitdir)/modelwatchd.service'
	chmod 644 '$(DESTDIR)$(systemdsystemunitdir)/modelwatchd.service'
uninstall-local:
	rm -f '$(DESTDIR)$(systemdsystemunitdir)/modelwatchd.service'
endif

# What journalctl -x says of our messages. The database that it reads is made anew by
# `journalctl --update-catalog`: by the packages, or by who installs by hand.
EXTRA_DIST += packaging/modelwatch.catalog
if WITH_SYSTEMD_CATALOG
systemdcatalog_DATA = packaging/modelwatch.catalog
endif

EXTRA_DIST += packaging/quickstart

# What the quickstart starts on a host without a model server. Run from the source tree, not installed.
EXTRA_DIST += \
	packaging/demo/accesslog.py \
	packaging/demo/client.py \
	packaging/demo/completions.py \
	packaging/demo/corpus.txt \
	packaging/demo/engine.py \
	packaging/demo/metrics.py \
	packaging/demo/model.py \
	packaging/demo/receiver.py \
	packaging/demo/server.py \
	packaging/demo/train.py \
	packaging/demo/weights.py
EXTRA_DIST += packaging/page.png

# Packages of what `make dist` makes, in the folders deb and rpm. PACKAGE_RELEASE tells builds of one
# version apart.
EXTRA_DIST += packaging/modelwatch.spec packaging/rpmlint.toml packaging/modelwatch.sysusers packaging/modelwatch.tmpfiles \
	packaging/debian/changelog packaging/debian/control packaging/debian/copyright \
	packaging/debian/modelwatch.postinst packaging/debian/modelwatch.postrm packaging/debian/rules packaging/debian/source/format
PACKAGE_RELEASE = 1
.PHONY: deb rpm
deb: dist
	rm -rf deb
	$(MKDIR_P) deb
	tar -C deb -xf $(distdir).tar.xz
	mv deb/$(distdir)/packaging/debian deb/$(distdir)/debian
	cd deb/$(distdir) && \
		cp packaging/modelwatch.sysusers packaging/modelwatch.tmpfiles debian && \
		sed -i '1s/(.*)/($(PACKAGE_VERSION)-$(PACKAGE_RELEASE))/' debian/changelog && \
		dpkg-buildpackage --build=binary --no-sign
# RPM_OPTIONS: --nodeps where what is needed to build did not come by rpm.
rpm: dist
	rm -rf rpm
	$(MKDIR_P) rpm/SOURCES
	cp $(distdir).tar.xz rpm/SOURCES
	rpmbuild --define "_topdir $$(pwd)/rpm" --define 'upstream_version $(PACKAGE_VERSION)' \
		--define 'upstream_release $(PACKAGE_RELEASE)' $(RPM_OPTIONS) -ba '$(srcdir)/packaging/modelwatch.spec'
clean-local:
	-rm -rf deb rpm roots
