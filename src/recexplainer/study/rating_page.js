"use strict";
// One text at a time is in the page; ratings are kept in the browser after every step.
(() => {
  const byId = (id) => document.getElementById(id);
  const page = JSON.parse(byId("data").textContent);
  const texts = page.cases.flatMap((item, place) =>
    item.texts.map((text, turn) => ({ ...text, item, place, turn: turn + 1 })));
  const indexOf = new Map(texts.map((text, index) => [text.id, index]));
  const fileName = `${page.rater}.json`;
  const storageKey = `rating-study/${page.study}/${page.rater}`;
  const buttons = [...byId("levels").querySelectorAll("button")];
  const main = byId("main");
  const beside = new Map(Object.entries(page.items));
  const longest = byId("comment").maxLength;
  const isLevel = (value) => [1, 2, 3, 4].includes(value);
  const isComment = (value) => typeof value === "string" && value.length <= longest;
  // On a small screen the history is folded, so that it does not stand between one text and the next.
  const small = matchMedia("(max-width: 60rem), (max-height: 30rem)");

  // position: the index of the text shown; texts.length is the last screen.
  // undo: steps, each a list of [id, rating before or null] or [id, rating before or null, comment before].
  // guide: is the introduction open? unsent: has something changed since the last export?
  const state = { ratings: new Map(), comments: new Map(), undo: [], position: 0, guide: true, unsent: false };
  // Texts whose end has been in view; the others cannot be rated yet.
  const seen = new Set();
  let shownCase = null;
  let shownText = null;

  const current = () => (state.guide ? undefined : texts[state.position]);

  function load() {
    let kept = null;
    try {
      kept = JSON.parse(localStorage.getItem(storageKey));
    } catch (error) {
      warn(`The ratings kept in this browser cannot be read (${error.message}). If you exported a file, import it.`);
    }
    const those = (values, fits) =>
      new Map(Object.entries(values ?? {}).filter(([id, value]) => indexOf.has(id) && fits(value)));
    state.ratings = those(kept?.ratings, isLevel);
    state.comments = those(kept?.comments, isComment);
    state.undo = Array.isArray(kept?.undo) ? kept.undo : [];
    const position = kept?.position;
    state.position = Number.isInteger(position) && position >= 0 && position <= texts.length ? position : 0;
    state.guide = kept?.guide ?? state.ratings.size === 0;
    state.unsent = kept?.unsent ?? state.ratings.size > 0;
  }

  function save() {
    const { undo, position, guide, unsent } = state;
    const [ratings, comments] = [state.ratings, state.comments].map((values) => Object.fromEntries(values));
    try {
      localStorage.setItem(storageKey, JSON.stringify({ ratings, comments, undo, position, guide, unsent }));
    } catch {
      warn("This browser does not keep your ratings. Export them before you close the page, and import them again.");
    }
  }

  function warn(message) {
    byId("banner-text").textContent = message;
    byId("banner").hidden = false;
  }

  const say = (message) => { byId("status").textContent = message; };

  function render() {
    const text = current();
    const end = !text && !state.guide;
    byId("progress").max = texts.length;
    byId("progress").value = state.ratings.size;
    byId("count").textContent = `${state.ratings.size} of ${texts.length} rated`;
    byId("unsent").hidden = !state.unsent;
    byId("back").disabled = state.position === 0;
    byId("forward").disabled = !text;
    byId("forward-name").textContent = text && !state.ratings.has(text.id) ? "Skip" : "Next";
    byId("undo").disabled = state.undo.length === 0;
    byId("rating").hidden = byId("levels").hidden = byId("rubric").hidden = !text;
    byId("end").hidden = !end;
    byId("guide").hidden = !state.guide;
    byId("footer").hidden = byId("guide-open").disabled = state.guide;
    for (const button of buttons) {
      const chosen = Boolean(text) && Number(button.dataset.level) === state.ratings.get(text.id);
      button.setAttribute("aria-pressed", String(chosen));
    }
    if (text) renderText(text);
    if (end) renderEnd(texts.length - state.ratings.size);
    look();
  }

  function renderText(text) {
    if (shownCase !== text.item) renderCase(text);
    byId("text-heading").textContent = `Explanation ${text.turn} of ${text.item.texts.length}`;
    const empty = text.text.trim() === "";
    byId("text").textContent = empty ? "There is no text: the system gave no answer." : text.text;
    byId("text").classList.toggle("empty", empty);
    const comment = state.comments.get(text.id) ?? "";
    // Setting the same again would move the caret.
    if (byId("comment").value !== comment) byId("comment").value = comment;
    if (shownText !== text) byId("comment-box").open = comment !== "";
    shownText = text;
  }

  // Opens the rating once the end of the text is, or has been, between the header and the footer.
  function look() {
    const text = current();
    if (!text) return;
    const { top, bottom } = main.getBoundingClientRect();
    const end = byId("text").getBoundingClientRect().bottom;
    if (end > Math.max(top, 0) && end <= Math.min(bottom, innerHeight) + 1) seen.add(text.id);
    const open = mayRate(text);
    byId("prompt").classList.toggle("waiting", !open);
    byId("prompt").textContent = open
      ? "How well does this text explain the decision?"
      : "↓ Read the text to its end to rate it.";
    for (const button of buttons) {
      // Not disabled, which would throw out the focus, and with the reason as its description.
      button.setAttribute("aria-disabled", String(!open));
      button.setAttribute("aria-describedby", open ? "" : "prompt");
    }
  }

  const mayRate = (text) => seen.has(text.id) || state.ratings.has(text.id);

  function element(name, content, style = "") {
    const result = document.createElement(name);
    result.textContent = content;
    result.className = style;
    return result;
  }

  function historyItem(name) {
    const result = element("li", "");
    result.append(element("span", name));
    if (beside.get(name)) result.append(element("span", beside.get(name), "muted"));
    return result;
  }

  function renderCase({ item, place }) {
    const { title, facts, label } = item;
    byId("case-heading").textContent = `Case ${place + 1} of ${page.cases.length}`;
    byId("history").replaceChildren(...item.history.map(historyItem));
    byId("history-count").textContent = item.history.length;
    byId("history-box").open = !small.matches;
    byId("title").textContent = title;
    const named = [["Brand", facts.brand], ["Tags", facts.tags], ["Features", facts.feature]];
    byId("facts").replaceChildren(...named.filter(([, value]) => value).flatMap(([name, value]) =>
      [element("dt", name), element("dd", value)]));
    byId("description-box").hidden = !facts.description;
    byId("description-box").open = false;
    byId("description").textContent = facts.description ?? "";
    byId("decision").className = `decision ${label ? "yes" : "no"}`;
    byId("decision").textContent = label
      ? "✓ The recommender recommends this item."
      : "✗ The recommender does not recommend this item.";
    shownCase = item;
  }

  function renderEnd(left) {
    byId("end-heading").textContent = left
      ? `${left} ${left === 1 ? "text has" : "texts have"} no rating yet`
      : "All rated, thank you";
    byId("end-text").textContent = left
      ? "This is the end of the list. You can go to what was skipped, or export what you have and go on later."
      : `You have rated all of the ${texts.length} texts.`;
    byId("end-file").textContent = state.unsent
      ? `Not exported yet: nobody else has your ratings. Export them, and send the file ${fileName} back.`
      : `Everything is in the file ${fileName} that you exported last. Please send it back.`;
    byId("end-next").hidden = left === 0;
    byId("end-export").classList.toggle("primary", left === 0);
  }

  function goTo(position) {
    const before = current();
    state.guide = false;
    state.position = Math.min(Math.max(position, 0), texts.length);
    // Each text starts at its top.
    main.scrollTop = 0;
    window.scrollTo(0, 0);
    save();
    render();
    // The focus goes along to what is new, unless it is on a button that takes one from text to text.
    const stays = ["back", "forward"].includes(document.activeElement?.id) && !document.activeElement.disabled;
    if (current() !== before && !stays) focusHeading(before);
  }

  function focusHeading(before = null) {
    const text = current();
    const name = state.guide ? "guide" : !text ? "end" : text.item === before?.item ? "text" : "case";
    byId(`${name}-heading`).focus({ preventScroll: true });
  }

  function openGuide() {
    state.guide = true;
    main.scrollTop = 0;
    window.scrollTo(0, 0);
    render();
    focusHeading();
  }

  function dismiss() {
    byId("banner").hidden = true;
    focusHeading();
  }

  function rate(level) {
    const text = current();
    if (!text) return;
    if (!mayRate(text)) {
      readOn();
      return;
    }
    state.undo.push([[text.id, state.ratings.get(text.id) ?? null]]);
    state.ratings.set(text.id, level);
    state.unsent = true;
    goTo(state.position + 1);
    say(`Rated ${level}. ${where()}`);
  }

  // What a rating does that comes too soon: it says why, and shows more of the text.
  function readOn() {
    const distance = 0.8 * Math.min(main.clientHeight, innerHeight);
    main.scrollBy(0, distance);
    window.scrollBy(0, distance);
    look();
    say("Not rated: the text goes on.");
  }

  function undo() {
    const step = state.undo.pop();
    if (!step) return;
    for (const [id, before, comment] of step) {
      if (before === null) state.ratings.delete(id);
      else state.ratings.set(id, before);
      if (comment !== undefined) state.comments.set(id, comment);
    }
    state.unsent = true;
    goTo(step.length === 1 ? indexOf.get(step[0][0]) : state.position);
    say(`Undone. ${where()}`);
  }

  function move(distance) {
    const skipped = distance > 0 && current() && !state.ratings.has(current().id);
    goTo(state.position + distance);
    say(`${skipped ? "Skipped. " : ""}${where()}`);
  }

  function comment() {
    const text = current();
    if (!text) return;
    byId("comment-box").open = true;
    byId("comment").focus();
  }

  function keepComment() {
    const text = current();
    if (!text) return;
    state.comments.set(text.id, byId("comment").value);
    state.unsent = true;
    byId("unsent").hidden = false;
    save();
  }

  function nextUnrated() {
    const open = (text) => !state.ratings.has(text.id);
    const after = texts.findIndex((text, index) => index > state.position && open(text));
    const found = after >= 0 ? after : texts.findIndex(open);
    goTo(found >= 0 ? found : texts.length);
    say(where());
  }

  function where() {
    return state.position < texts.length ? `Text ${state.position + 1} of ${texts.length}.` : "End of the list.";
  }

  // What the file holds, in one order for the same content.
  function exported() {
    const sorted = (values) => Object.fromEntries([...values].sort(([a], [b]) => (a < b ? -1 : 1)));
    const comments = sorted([...state.comments].filter(([, value]) => value.trim()));
    return { comments, rater: page.rater, ratings: sorted(state.ratings), simulated: false, study: page.study };
  }

  function exportRatings() {
    const content = JSON.stringify(exported(), null, 2);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([content, "\n"], { type: "application/json" }));
    link.download = fileName;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    state.unsent = false;
    save();
    render();
    const left = texts.length - state.ratings.size;
    say(`Exported ${state.ratings.size} ratings${left ? `; ${left} to go` : ""}.`);
  }

  // Returns what is wrong with a file of ratings, or null.
  function fault(content) {
    const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
    if (!isObject(content)) return "it is not an export of this page";
    if (content.study !== page.study) return `it belongs to the study ${content.study}, and this page to ${page.study}`;
    if (content.rater !== page.rater) return `its rater is ${content.rater}, and this page is for ${page.rater}`;
    if (content.simulated !== false) return "its ratings were not made by a person";
    // A file from before there were comments has none.
    const { ratings, comments = {} } = content;
    if (!isObject(ratings)) return "it has no ratings";
    if (!isObject(comments)) return "its comments cannot be read";
    for (const [id, value] of Object.entries(comments)) {
      if (!indexOf.has(id)) return `it has a comment on ${id}, which is not a text of this study`;
      if (!isComment(value)) return `its comment on ${id} is not a text of at most ${longest} characters`;
    }
    for (const [id, value] of Object.entries(ratings)) {
      if (!indexOf.has(id)) return `it rates ${id}, which is not a text of this study`;
      if (!isLevel(value)) return `its rating of ${id} is ${JSON.stringify(value)}; expected 1, 2, 3 or 4`;
    }
    return null;
  }

  async function importRatings(file) {
    let content;
    try {
      content = JSON.parse(await file.text());
    } catch (error) {
      warn(`${file.name} was not imported: it is not JSON (${error.message}).`);
      return;
    }
    const wrong = fault(content);
    if (wrong) {
      warn(`${file.name} was not imported: ${wrong}.`);
      return;
    }
    byId("banner").hidden = true;
    const different = (values, kept) => Object.entries(values ?? {}).filter(([id, value]) => kept.get(id) !== value);
    const changed = different(content.ratings, state.ratings);
    const comments = different(content.comments, state.comments);
    const ids = [...new Set([...changed, ...comments].map(([id]) => id))];
    const step = ids.map((id) => [id, state.ratings.get(id) ?? null, state.comments.get(id) ?? ""]);
    if (step.length) state.undo.push(step);
    for (const [id, value] of changed) state.ratings.set(id, value);
    for (const [id, value] of comments) state.comments.set(id, value);
    state.unsent = JSON.stringify(exported()) !== JSON.stringify(content);
    nextUnrated();
    say(`Imported: ${changed.length} ratings and ${comments.length} comments new or changed. ${where()}`);
  }

  for (const button of buttons) button.addEventListener("click", () => rate(Number(button.dataset.level)));
  const actions = {
    back: () => move(-1), forward: () => move(1), undo, export: exportRatings, import: () => byId("file").click(),
    "end-next": nextUnrated, "end-export": exportRatings, "end-back": () => goTo(texts.length - 1),
    "guide-open": openGuide, "guide-close": () => goTo(state.position), dismiss,
  };
  for (const [id, action] of Object.entries(actions)) byId(id).addEventListener("click", action);
  byId("file").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    if (file) await importRatings(file);
    event.target.value = "";
  });

  byId("comment").addEventListener("input", keepComment);
  for (const [target, name] of [[main, "scroll"], [window, "scroll"], [window, "resize"]]) {
    target.addEventListener(name, look);
  }

  const keys = { ArrowLeft: () => move(-1), ArrowRight: () => move(1), u: undo, n: nextUnrated, c: comment };
  const scrolls = ["ArrowUp", "ArrowDown", "PageUp", "PageDown", "Home", "End"];
  document.addEventListener("keydown", (event) => {
    if (state.guide || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target === byId("comment")) {
      if (event.key === "Escape") focusHeading();
      return;
    }
    // These keys scroll the text wherever the focus is.
    if (scrolls.includes(event.key) && !main.contains(document.activeElement)) main.focus({ preventScroll: true });
    // The place of the key counts too: some layouts give digits only with Shift.
    const digit = /^[1-4]$/.test(event.key) ? event.key : /^Digit([1-4])$/.exec(event.code)?.[1];
    const arrow = event.key.startsWith("Arrow");
    const action = digit ? () => rate(Number(digit)) : keys[arrow ? event.key : event.key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    // A key held down must not rate one text after another.
    if (!event.repeat || arrow) action();
  });
  window.addEventListener("beforeunload", (event) => {
    if (state.unsent) event.preventDefault();
  });
  // Another tab with the same page: its steps hold here too, so that neither overwrites the other.
  window.addEventListener("storage", (event) => {
    if (event.key === storageKey) {
      load();
      render();
    }
  });

  load();
  render();
  focusHeading();
})();
