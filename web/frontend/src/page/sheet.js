// The form is asked for again when a choice changes what else it shows. Whoever goes on typing meanwhile must not lose a
// letter: an answer to what the form held a moment ago is thrown away, and the form asked for once more.
const content = (form) => new URLSearchParams([...new FormData(form)].filter(([, value]) => typeof value === 'string')).toString();

export function sheets(htmx) {
  let asked = '';
  document.addEventListener('htmx:beforeRequest', ({ detail }) => {
    if (detail.target.id === 'sheet') asked = content(detail.target.closest('form'));
  });
  document.addEventListener('htmx:beforeSwap', ({ detail }) => {
    if (detail.target.id !== 'sheet' || content(detail.target.closest('form')) === asked) return;
    detail.shouldSwap = false;
    setTimeout(() => htmx.trigger(detail.requestConfig.elt, 'change'));
  });
}
