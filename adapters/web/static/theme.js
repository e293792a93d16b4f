// Before anything is painted: the colours that the visitor chose here.
try {
  const kept = localStorage.getItem("chat/theme");
  if (kept) document.documentElement.dataset.theme = kept;
} catch {
  // Forbidden: the page's own.
}
