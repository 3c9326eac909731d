// Keeps a model's own content whole: through import and save, and when elements are copied or change their type.
import { is } from 'bpmn-js/lib/util/ModelUtil';

// The input of a multi-instance may name a variable that is declared nowhere. The importer leaves such a reference
// unresolved and the exporter then drops it; an element made for it survives both.
const LOOP_REFERENCES = ['bpmn:loopDataInputRef', 'bpmn:loopDataOutputRef'];

const within = (element, type) => {
  for (let at = element; at; at = at.$parent) if (is(at, type)) return true;
  return false;
};

class Fidelity {
  constructor(eventBus, moddle) {
    eventBus.on('import.parse.complete', ({ references, elementsById }) => {
      for (const { element, id, property } of references ?? []) {
        if (LOOP_REFERENCES.includes(property) && !elementsById[id]) {
          element.set(property, moddle.create('bpmn:ItemAwareElement', { id }));
        }
      }
    });

    // A user task's form means nothing on a service task.
    eventBus.on('moddleCopy.canCopyProperty', 1500, ({ parent, property }) => {
      const { allowedIn } = property?.$descriptor?.meta ?? moddle.registry.typeMap[property?.$type]?.meta ?? {};
      if (allowedIn && !allowedIn.some((type) => within(parent, type))) return false;
    });
  }
}

Fidelity.$inject = ['eventBus', 'moddle'];

export default { __init__: ['lvzeFidelity'], lvzeFidelity: ['type', Fidelity] };
