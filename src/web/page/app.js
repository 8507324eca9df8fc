// SPDX-License-Identifier: MIT
// What comes from the broker is shown as text only: every node is made here, no HTML is ever parsed.
// `== null` is meant: undefined and null are one here. Names: el makes "tag.class" nodes.
const KEEP = 60; // values of a sparkline
const CHUNK = 200; // rows that are made at a time
const SVG = "http://www.w3.org/2000/svg";
const main = document.getElementById("main");
const S = { gateways: new Map(), devices: new Map(), log: [], token: "", broker: {}, lost: false, fed: false };
let live = new Map(); // "device/point" and "device" → what redraws it on the page that is shown
let ages = []; // [node, () => text]

const el = (tag, props = {}, ...kids) => {
	const [name, ...classes] = tag.split("."), node = document.createElement(name);
	node.className = classes.join(" ");
	for (const [k, v] of Object.entries(props))
		if (k.startsWith("on")) node.addEventListener(k.slice(2), v);
		else if (v !== false && v != null) node.setAttribute(k, v === true ? "" : v);
	node.append(...kids.filter(k => k || k === "0"));
	return node;
};
const quiet = (...kids) => el("p.quiet", {}, ...kids);
const note = (text, how = "") => el("p.note" + how, {}, text);
const on = (key, node, draw) => {
	if (!live.has(key)) live.set(key, []);
	live.get(key).push([node, draw]);
};
// What is no longer on the page is dropped.
const redraw = key => {
	const list = (live.get(key) || []).filter(x => x[0].isConnected);
	live.set(key, list);
	list.forEach(x => x[1]());
};
const number = t => (t != null && /^-?\d/.test(t) ? parseFloat(t) : NaN);
// A fact published by another client may be a text.
const span = s =>
	s < 0 || !isFinite(s) ? "" : s < 10 ? (+s).toFixed(1) + " s" : s < 120 ? Math.round(s) + " s" :
	s < 5400 ? Math.round(s / 60) + " min" : s < 172800 ? Math.round(s / 3600) + " h" : Math.round(s / 86400) + " d";
const aging = (node, of) => {
	const draw = () => {
		const t = of();
		if (node.textContent !== t) node.textContent = t;
	};
	draw();
	ages.push([node, draw]);
	return node;
};
const since = at => (at ? span((Date.now() - at) / 1000) : "");
const code = encodeURIComponent;
const devices = () => [...S.devices.values()];
const link = name => "#/device/" + code(name);

// -- what comes -----------------------------------------------------------------------------------------------------
const pointOf = (d, name) => {
	if (!d.points.has(name)) d.points.set(name, { name, hist: [], at: 0 });
	return d.points.get(name);
};
const push = (p, x = number(p.text)) => {
	if (isNaN(x)) return;
	p.hist.push(x);
	if (p.hist.length > KEEP) p.hist.shift();
};
const takeDevice = n => {
	if (n.gone) return S.devices.delete(n.name);
	const d = S.devices.get(n.name) || { points: new Map(), at: 0 };
	const { points, age, ...rest } = n;
	const kept = { points: d.points, at: d.at };
	for (const k of Object.keys(d)) delete d[k];
	Object.assign(d, rest, kept);
	if (age != null) d.at = Math.max(d.at, Date.now() - age);
	for (const q of points || []) {
		const p = pointOf(d, q.name);
		const { age: old, ...how } = q;
		if (p.text == null) push(p, number(q.text));
		Object.assign(p, how);
		if (old != null) p.at = Date.now() - old;
	}
	S.devices.set(n.name, d);
};
const takeValue = (device, name, text) => {
	const d = S.devices.get(device);
	if (!d) return;
	const p = pointOf(d, name);
	p.text = text;
	p.at = d.at = Date.now();
	push(p);
	redraw(device + "/" + name);
};
const takeLine = e => {
	S.log.push(e);
	if (S.log.length > 200) S.log.shift();
	const d = S.devices.get(e.source);
	if (!d || (e.kind !== "command" && e.kind !== "nak")) return;
	for (const p of d.points.values())
		if (p.busy && e.text.startsWith(p.name + " ")) {
			p.busy = false;
			p.out = { bad: e.bad, text: e.text.slice(p.name.length + 1) };
			redraw(e.source + "/" + p.name);
		}
};
const names = () => [...S.gateways.keys(), "", ...S.devices.keys()].join("\n");
const take = m => {
	const before = S.fed && !m.full ? names() : null;
	if (m.full) {
		S.token = m.token || "";
		S.frames = m.frames;
		const old = S.devices;
		S.gateways = new Map();
		S.devices = new Map();
		for (const n of m.devices) if (old.has(n.name)) S.devices.set(n.name, old.get(n.name));
		S.log = [];
	}
	S.broker = m.broker;
	for (const g of m.gateways) g.gone ? S.gateways.delete(g.name) : S.gateways.set(g.name, g);
	m.devices.forEach(takeDevice);
	for (const [d, points] of Object.entries(m.values || {}))
		for (const [p, text] of Object.entries(points)) takeValue(d, p, text);
	m.log.forEach(takeLine);
	S.fed = true;
	if (before !== names()) return show(false);
	for (const d of m.devices) redraw(d.name);
	if (m.gateways.length) redraw("gateways");
	if (m.log.length) redraw("log");
	frame();
};

// -- pieces ---------------------------------------------------------------------------------------------------------
// A curve and what draws it.
const curve = p => {
	const svg = document.createElementNS(SVG, "svg"), path = document.createElementNS(SVG, "path");
	svg.setAttribute("class", "spark");
	svg.setAttribute("viewBox", "0 0 60 20");
	svg.setAttribute("preserveAspectRatio", "none");
	svg.setAttribute("aria-hidden", "true");
	svg.append(path);
	const draw = () => {
		const h = p.hist, n = h.length, low = Math.min(...h), high = Math.max(...h);
		if (n < 2) return;
		const x = i => (60 - (n - 1 - i) * 60 / Math.max(n - 1, 11)).toFixed(1);
		const y = v => (high === low ? 10 : 19 - 18 * (v - low) / (high - low)).toFixed(1);
		path.setAttribute("d", h.map((v, i) => (i ? "L" : "M") + x(i) + " " + y(v)).join(""));
	};
	draw();
	return [svg, draw];
};
const spark = (d, p) => {
	const [svg, draw] = curve(p);
	on(d.name + "/" + p.name, svg, draw);
	return svg;
};
const shown = p => (p.text == null || p.text === "None" ? "–" : p.text);
const value = (d, p, tag = "span") => {
	const node = el(tag + ".val");
	const draw = () => {
		const plain = p.unit && p.text != null && !isNaN(number(p.text)) && !p.text.endsWith(p.unit);
		node.replaceChildren(shown(p), plain ? el("i", {}, p.unit) : "");
		node.title = p.text || "no value";
	};
	draw();
	on(d.name + "/" + p.name, node, draw);
	return node;
};
const disabled = d => d.facts && d.facts.state === "disabled";
const pill = d => {
	const word = disabled(d) ? "disabled" : d.current ? "online" : d.status === "unknown" ? "no status" : "offline";
	return aging(el("span.pill." + word, { title: d.current ? "age of the last response" : false }),
		() => word + (d.current && d.at ? " · " + since(d.at) : ""));
};
const alerts = list => (list || []).map(a =>
	note(`${a.kind} ${a.code}: ${a.source ? a.source + ": " : ""}${a.desc}`, a.kind === "fault" ? "" : ".warn"));
const notes = d => [
	d.conflict && note(`Both ${d.conflict[0]} and ${d.conflict[1]} publish this device.`),
	d.trouble && note(d.trouble),
	...alerts(d.alerts)];
const binary = p => p.text === "on" || p.text === "off";

// -- devices --------------------------------------------------------------------------------------------------------
const card = d => {
	const have = [...d.points.values()].filter(p => p.text != null);
	const numbers = have.filter(p => p.unit && !isNaN(number(p.text)) && !/Rat(ed|ing)/.test(p.name));
	const chips = have.filter(binary).slice(0, 8);
	const rows = (numbers.length ? numbers : chips.length ? [] : have).slice(0, 5);
	return el("article.card" + (d.current || disabled(d) ? "" : ".off.stale"), { "data-device": d.name },
		el("div.card-head", {}, el("h3", {}, el("a", { href: link(d.name) }, d.name)), pill(d)),
		d.title && el("p.quiet", { title: d.title }, d.title),
		...rows.map(p => el("div.row", {}, el("span", { title: p.description || p.name }, p.name),
			isNaN(number(p.text)) ? null : spark(d, p), value(d, p))),
		chips.length && el("div.chips", {}, ...chips.map(p => {
			const chip = el("span.chip", {});
			const draw = () => {
				chip.className = "chip " + p.text;
				chip.textContent = p.name;
				chip.title = `${p.name} ${p.text}`;
				chip.setAttribute("aria-label", chip.title);
			};
			draw();
			on(d.name + "/" + p.name, chip, draw);
			return chip;
		})),
		...notes(d));
};
const liveCard = name => {
	let node = card(S.devices.get(name));
	const look = d => JSON.stringify([d.current, d.trouble, d.alerts, d.conflict, d.title, d.status, d.points.size]);
	let shape = look(S.devices.get(name));
	on(name, main, () => {
		const d = S.devices.get(name);
		if (!d || look(d) === shape) return;
		shape = look(d);
		const next = card(d);
		node.replaceWith(next);
		node = next;
	});
	return node;
};
const gatewayHead = name => {
	const small = el("small"), h = el("h2", {}, name, small);
	const draw = () => {
		const g = S.gateways.get(name);
		if (!g) return;
		const up = g.facts.uptime, bits = [];
		bits.push(g.status === "online" ? "online" : g.status === "offline" ? "OFFLINE" : "no status");
		if (g.status === "online" && up != null) bits.push("up " + span(up));
		if (g.facts.version) bits.push("xnetd " + g.facts.version);
		bits.push(`${g.devices_online} of ${g.devices_all - g.devices_disabled} devices online`);
		if (g.facts["mqtt/queued"] > 100) bits.push(g.facts["mqtt/queued"] + " messages queued");
		small.textContent = bits.join(" · ");
	};
	draw();
	on("gateways", h, draw);
	return [h, gatewayAlerts(name)];
};
const gatewayAlerts = name => {
	const box = el("div");
	const draw = () => box.replaceChildren(...alerts((S.gateways.get(name) || {}).alerts));
	draw();
	on("gateways", box, draw);
	return box;
};
const byNeed = (a, b) => (b.trouble ? 1 : 0) - (a.trouble ? 1 : 0) || a.name.localeCompare(b.name, "en", { numeric: true });
const devicesPage = () => {
	const all = devices().sort(byNeed), out = [];
	for (const name of [...S.gateways.keys()].sort()) {
		const own = all.filter(d => d.gateway === name);
		out.push(...gatewayHead(name), own.length ? el("div.grid", {}, ...own.map(d => liveCard(d.name)))
			: quiet("no devices"));
	}
	const rest = all.filter(d => !S.gateways.has(d.gateway));
	if (rest.length) out.push(el("h2", {}, "Others", el("small", {}, "of no gateway that publishes its health")),
		el("div.grid", {}, ...rest.map(d => liveCard(d.name))));
	if (!out.length) out.push(quiet(S.broker.connected ? "No gateway: is it running?" : "Not connected."));
	return out;
};

// -- one device -----------------------------------------------------------------------------------------------------
const send = async (d, p, text) => {
	if (p.confirm && !confirm(p.confirm === "true" ? `Write ${p.name}?` : p.confirm)) return;
	p.busy = true;
	p.out = { text: "sent " + text + " …" };
	redraw(d.name + "/" + p.name);
	const failed = why => {
		p.busy = false;
		p.out = { bad: true, text: why };
		redraw(d.name + "/" + p.name);
	};
	try {
		const r = await fetch("/api/cmd", { method: "POST", headers: { "Content-Type": "application/json", "X-Xnet-Token": S.token },
			body: JSON.stringify({ device: d.name, point: p.name, value: text }) });
		if (r.status !== 202) failed(await r.text());
	} catch (e) {
		failed("not sent: xnet-web cannot be reached");
	}
};
const control = (d, p) => {
	const labels = p.labels || (p.type === "bool" ? ["off", "on"] : []);
	const name = { "aria-label": "Set " + p.name };
	let node, update = () => {};
	if (labels.length === 2 && labels.includes("on") && labels.includes("off")) {
		node = el("button", { ...name, "aria-label": p.name, type: "button", role: "switch",
			onclick: () => p.busy || send(d, p, p.text === "on" ? "off" : "on") });
		update = () => node.setAttribute("aria-checked", p.text === "on");
	} else if (labels.length) {
		node = el("select", { ...name, onchange: () => { send(d, p, node.value); update(); } },
			...labels.map(l => el("option", { value: l }, l)));
		update = () => { node.value = labels.includes(p.text) ? p.text : ""; };
	} else {
		const digits = ((p.text || "").split(".")[1] || "").length;
		const input = el("input", { ...name, type: p.type === "number" ? "number" : "text", min: p.min, max: p.max,
			step: p.type === "number" ? p.step || (digits ? "1e-" + digits : "any") : undefined, required: true, maxlength: 250,
			placeholder: p.text });
		node = el("form", { onsubmit: e => { e.preventDefault(); send(d, p, input.value); input.value = ""; } },
			input, el("button", {}, "Set"));
		update = () => { input.placeholder = p.text || ""; };
	}
	const out = el("span.out", { role: "status" });
	const draw = () => {
		update();
		node.setAttribute("aria-busy", Boolean(p.busy));
		out.className = "out" + (p.out && p.out.bad ? " bad" : "");
		out.textContent = p.out ? p.out.text : "";
	};
	draw();
	on(d.name + "/" + p.name, out, draw);
	return el("div.ctl", {}, node, out);
};
const tableRow = (d, p, write) => el("tr", {},
	el("td", {}, p.name, p.description && el("small", {}, p.description)),
	value(d, p, "td"),
	el("td.opt", {}, isNaN(number(p.text)) ? "" : spark(d, p)),
	aging(el("td.age", { title: p.at ? "" : "age not known" }), () => since(p.at)),
	write && el("td", {}, p.writable ? control(d, p) : ""));
const facts = d => {
	const f = d.facts || {}, rows = [["Gateway", d.gateway], ["Line", d.bus && (d.id == null ? d.bus : `${d.bus}, unit ${d.id}`)],
		["Profile", d.profile], ["Since", f.since && new Date(f.since).toLocaleString()],
		["Response, ms (median/p99)", f.response], ["Answered", f.quality != null && Math.round(f.quality * 100) + " %"],
		["Last error", f.last_error !== "none" && f.last_error], ["Not supported", f.unsupported > 0 && f.unsupported + " points"]];
	return el("dl", {}, ...rows.filter(r => r[1]).map(r => el("div", {}, el("dt", {}, r[0]), el("dd", {}, r[1]))));
};
const devicePage = name => {
	const d = S.devices.get(name);
	if (!d) return [quiet(`No device ${name}.`), el("p", {}, el("a", { href: "#/" }, "← Devices"))];
	const all = [...d.points.values()].filter(p => p.text != null || p.writable);
	const write = Boolean(S.token) && all.some(p => p.writable), body = el("tbody"), end = el("p.quiet", {});
	let list = all, made = 0;
	const more = () => {
		body.append(...list.slice(made, made + CHUNK).map(p => tableRow(d, p, write)));
		made = Math.min(list.length, made + CHUNK);
		end.textContent = made < list.length ? `${made} of ${list.length} points; more as you scroll` : "";
	};
	const search = el("input", { type: "search", placeholder: `Search ${all.length} points`, "aria-label": "Search points", oninput: () => {
		const word = search.value.toLowerCase();
		list = all.filter(p => (p.name + " " + (p.description || "")).toLowerCase().includes(word));
		made = 0;
		body.replaceChildren();
		more();
	} });
	more();
	new IntersectionObserver((e) => e.some(x => x.isIntersecting) && made < list.length && more(), { rootMargin: "600px" }).observe(end);
	const top = el("div");
	const draw = () => {
		top.className = box.className = d.current ? "" : "stale";
		box.classList.add("table", "narrow");
		top.classList.add("narrow");
		top.replaceChildren(el("div.card-head", {}, el("h1", {}, d.name), pill(d)),
			quiet([d.title, d.model].filter(Boolean).join(" · ")), ...notes(d).filter(Boolean), facts(d));
	};
	const box = el("div.table", {}, el("table", {},
		el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Point"), el("th.num", { scope: "col" }, "Value"),
			el("th.opt", { "aria-hidden": "true" }), el("th.num", { scope: "col" }, "Age"), write && el("th", { scope: "col" }, "Set"))), body));
	draw();
	on(name, top, draw);
	return [quiet(el("a", { href: "#/" }, "← Devices")), top, all.length > 30 && search, box, end].filter(Boolean);
};

// -- lines and log --------------------------------------------------------------------------------------------------
const percent = x => (x == null ? "–" : `${x < 10 && x > 0 ? (+x).toFixed(1) : Math.round(x)} %`);
const pair = (a, b) => el("div.row", {}, typeof a === "string" ? el("span", {}, a) : a, el("span.val", {}, b));
// A row with the figure of each minute since the page was opened.
const minutes = new Map();
const trend = (key, label, x, text) => {
	const p = minutes.get(key) || { hist: [], at: 0 };
	if (x != null && Date.now() - p.at > 55000) {
		p.at = Date.now();
		push(p, x);
	}
	minutes.set(key, p);
	return el("div.row", {}, el("span", {}, label), curve(p)[0], el("span.val", {}, text));
};
// The last frames of a bus; asked for while they are open. Made once, so that it stays open.
const boxes = new Map();
const frames = (g, b) => {
	const key = g + "/" + b;
	if (boxes.has(key)) return boxes.get(key);
	const list = el("ol.frames", {}), box = el("details", {}, el("summary", {}, "Frames"), list);
	const ask = async () => {
		if (!box.open || !box.isConnected || document.hidden) return;
		let m = { trouble: "xnet-web cannot be reached", frames: [] };
		try {
			m = await (await fetch(`/api/frames?gateway=${code(g)}&bus=${code(b)}`)).json();
		} catch (e) { /* said below */ }
		list.replaceChildren(...(m.trouble ? [note(m.trouble)] : m.frames.length ? m.frames.reverse().map(f => el("li", {},
			el("time", {}, new Date(f.time).toTimeString().slice(0, 8)), el("span", {}, (f.unit == null ? "" : "unit " + f.unit + " · ") + f.what),
			el(f.bad ? "span.bad" : "span.quiet", {}, f.outcome + (f.took ? ` · ${f.took.toFixed(1)} ms` : "")))) : [quiet("waiting …")]));
	};
	box.addEventListener("toggle", ask);
	setInterval(ask, 1000);
	boxes.set(key, box);
	return box;
};
const lineCard = (g, b) => {
	const f = b.facts, up = f.state === "up", bar = el("b"), mark = el("u"), load = f["load/1min"], plan = f["load/planned"];
	bar.style.width = Math.min(100, load || 0) + "%";
	mark.style.left = Math.min(99.5, plan || 0) + "%";
	const counts = [["requests", "requests"], ["timeouts", "timeouts"], ["CRC errors", "crc_errors"], ["corrupted", "garbled"], ["late", "late"],
		["exceptions", "exceptions"], ["retries", "retries"], ["missed polls", "missed"], ["port reopened", "reopened"]];
	const own = devices().filter(d => d.gateway === g.name && d.bus === b.name);
	return el("article.card" + (up ? "" : ".off"), {},
		el("div.card-head", {}, el("h3", {}, b.name), el("span.pill." + (up ? "" : "offline"), {}, up ? "up" : "trouble")),
		quiet([f.line, f.port].filter(Boolean).join(" · ")),
		!up && note(String(f.state || "no state")),
		el("div.load", { role: "img", "aria-label": `load ${percent(load)}, planned ${percent(plan)}` }, bar, plan != null ? mark : null),
		quiet(`${percent(load)} of its time used, ${percent(plan)} planned`),
		trend(g.name + "/" + b.name, "load", load, percent(load)),
		trend(g.name + "//" + b.name, "failed, 1 / 15 min", f["errors/1min"], `${percent(f["errors/1min"])} / ${percent(f["errors/15min"])}`),
		...counts.filter(c => f[c[1]] > 0).map(c => pair(c[0], f[c[1]].toLocaleString("en"))),
		own.length > 0 && el("h3.more", {}, "Response, ms (median/p99)"),
		...own.map(d => pair(el("a", { href: link(d.name) }, d.name), (d.facts || {}).response || "–")),
		S.frames && frames(g.name, b.name));
};
const linesPage = () => {
	const out = [];
	for (const name of [...S.gateways.keys()].sort()) {
		const grid = el("div.grid", {});
		const draw = () => {
			const at = document.activeElement;
			grid.replaceChildren(...((S.gateways.get(name) || {}).buses || []).map(b => lineCard(S.gateways.get(name), b)));
			at.focus({ preventScroll: true });
		};
		draw();
		on("gateways", grid, draw);
		out.push(...gatewayHead(name), grid);
	}
	return out.length ? out : [quiet("No gateway publishes its health.")];
};
const logPage = () => {
	const list = el("ol.log", {}), box = el("div.table", {}, list);
	const draw = () => list.replaceChildren(...(S.log.length ? [...S.log].reverse().map(e => el("li", {},
		el("time", { datetime: e.time }, new Date(e.time).toLocaleString()), S.devices.has(e.source) ? el("a", { href: link(e.source) }, e.source) : el("span", {}, e.source),
		el(e.bad ? "span.bad" : "span", {}, e.text))) : [el("li", {}, "Nothing yet.")]));
	draw();
	on("log", list, draw);
	return [el("h2", {}, "Log", el("small", {}, "alerts, statuses, outcomes of commands")), box];
};

// -- the frame ------------------------------------------------------------------------------------------------------
const frame = () => {
	const sum = document.getElementById("sum"), banner = document.getElementById("banner");
	const all = devices().filter(d => !disabled(d)), up = all.filter(d => d.current).length;
	const faults = [...S.gateways.values()].reduce((n, g) => n + g.faults, 0);
	sum.textContent = S.fed ? `${up} of ${all.length} devices online${faults ? ` · ${faults} fault${faults > 1 ? "s" : ""}` : ""} · ${S.broker.name}` : "";
	const text = S.lost ? "xnet-web cannot be reached; what you see is old."
		: S.fed && (!S.broker.connected || S.broker.trouble) ? `The broker ${S.broker.name} ${S.broker.connected ? "refuses" : "is away"} (${S.broker.trouble}); what you see is old.` : "";
	banner.hidden = !text;
	if (banner.textContent !== text) banner.textContent = text;
};
const show = (moved) => {
	const [page, name] = location.hash.replace(/^#\/?/, "").split("/");
	let at = "";
	try { at = decodeURIComponent(name || ""); } catch (e) { at = name; }
	const active = document.activeElement, busy = !moved && active && main.contains(active) && active.closest("form, input, select");
	if (!S.fed || busy) return frame();
	live = new Map();
	ages = [];
	main.replaceChildren(...(page === "device" ? devicePage(at) : page === "lines" ? linesPage() : page === "log" ? logPage() : devicesPage()));
	for (const a of document.querySelectorAll("nav a"))
		a.dataset.page === (page === "lines" || page === "log" ? page : "devices") ? a.setAttribute("aria-current", "page") : a.removeAttribute("aria-current");
	document.title = (page === "device" ? at + " · " : "") + "xnet";
	if (moved) { scrollTo(0, 0); main.focus(); }
	frame();
};
addEventListener("hashchange", () => location.hash.startsWith("#/") && show(true));
setInterval(() => {
	ages = ages.filter(a => a[0].isConnected);
	if (!document.hidden) ages.forEach(a => a[1]());
}, 1000);

const events = new EventSource("/api/events");
events.onmessage = e => {
	S.lost = false;
	take(JSON.parse(e.data));
};
events.onerror = () => {
	S.lost = true;
	frame();
	if (events.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 5000);
};
