// Reading and writing the lvze: elements of a model. Every write is one step that 撤销 takes back.
import { getBusinessObject } from 'bpmn-js/lib/util/ModelUtil';

export const extensions = (holder, type) =>
  holder?.extensionElements?.get('values').filter((value) => value.$type === type) ?? [];

export const extension = (holder, type) => extensions(holder, type)[0];

// A loop's settings live in the loop's own extensionElements, a process's behind its pool, all others in the element's.
export const holderOf = (element, type) => {
  const object = getBusinessObject(element);
  if (type === 'lvze:Process') return object.processRef ?? object;
  return type === 'lvze:Loop' ? object.loopCharacteristics : object;
};

export default class Extensions {
  constructor(bpmnFactory, commandStack) {
    this.factory = bpmnFactory;
    this.commandStack = commandStack;
  }

  create(type, properties, parent) {
    const created = this.factory.create(type, properties);
    created.$parent = parent;
    return created;
  }

  write(element, changes) {
    this.commandStack.execute(
      'properties-panel.multi-command-executor',
      changes.map(([moddleElement, properties]) => ({
        cmd: 'element.updateModdleProperties',
        context: { element, moddleElement, properties },
      })),
    );
  }

  replace(element, holder, removed, added) {
    let container = holder.extensionElements;
    const changes = [];
    if (!container) {
      container = this.create('bpmn:ExtensionElements', { values: [] }, holder);
      changes.push([holder, { extensionElements: container }]);
    }
    added.forEach((value) => (value.$parent = container));
    const values = [...container.get('values').filter((value) => !removed.includes(value)), ...added];
    if (values.length) changes.push([container, { values }]);
    else changes.push([holder, { extensionElements: undefined }]);
    this.write(element, changes);
  }

  add(element, type, properties) {
    const holder = holderOf(element, type);
    this.replace(element, holder, [], [this.create(type, properties)]);
  }

  remove(element, value) {
    this.replace(element, holderOf(element, value.$type), [value], []);
  }

  // Sets one attribute; the first one creates the element, the last one that is emptied removes it.
  set(element, type, name, value) {
    const holder = holderOf(element, type);
    const found = extension(holder, type);
    const text = value === '' || value === false ? undefined : value;
    if (!found) {
      if (text !== undefined) this.add(element, type, { [name]: text });
      return;
    }
    const left = found.$descriptor.properties.some(({ name: full }) => {
      const property = full.split(':').pop();
      const kept = property === name ? text : found.get(property);
      return Array.isArray(kept) ? kept.length : kept !== undefined;
    });
    if (left) this.write(element, [[found, { [name]: text }]]);
    else this.replace(element, holder, [found], []);
  }
}

Extensions.$inject = ['bpmnFactory', 'commandStack'];
