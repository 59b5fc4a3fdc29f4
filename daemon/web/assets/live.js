/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps the page's main part up to date by fetching the page again. What did not change is left
 * alone, so focus, selection and scroll positions stay. The page is complete without this. */
"use strict";

const EVERY_MS = 2000;
const STALE_AFTER_MS = 10000; /* without an answer for so long the page says that it is old */

function sameElement(a, b) {
	return a.nodeType === b.nodeType && a.nodeName === b.nodeName && a.id === b.id;
}

function copyAttributes(from, to) {
	for (const { name } of [...to.attributes])
		if (!from.hasAttribute(name))
			to.removeAttribute(name);
	for (const { name, value } of from.attributes)
		if (to.getAttribute(name) !== value)
			to.setAttribute(name, value);
}

function update(to, from) {
	if (to.nodeType !== Node.ELEMENT_NODE) {
		if (to.nodeValue !== from.nodeValue)
			to.nodeValue = from.nodeValue;
		return;
	}
	copyAttributes(from, to);
	const wanted = [...from.childNodes];
	for (const [i, child] of wanted.entries()) {
		const present = to.childNodes[i];
		if (!present)
			to.append(document.importNode(child, true));
		else if (sameElement(present, child))
			update(present, child);
		else
			present.replaceWith(document.importNode(child, true));
	}
	while (to.childNodes.length > wanted.length)
		to.lastChild.remove();
}

let answered = Date.now();

async function refresh() {
	try {
		const answer = await fetch(location.href, { signal: AbortSignal.timeout(STALE_AFTER_MS) });
		const page = new DOMParser().parseFromString(await answer.text(), "text/html");
		const main = page.getElementById("main");
		if (!main)
			throw new Error("not one of our pages");
		update(document.getElementById("main"), main);
		update(document.getElementById("time"), page.getElementById("time"));
		update(document.getElementById("stale"), page.getElementById("stale"));
		document.title = page.title;
		answered = Date.now();
	} catch {
		document.getElementById("stale").hidden = Date.now() - answered < STALE_AFTER_MS;
	}
}

async function live() {
	if (!document.hidden)
		await refresh();
	setTimeout(live, EVERY_MS);
}

setTimeout(live, EVERY_MS);
document.addEventListener("visibilitychange", () => {
	if (!document.hidden)
		refresh();
});
