// The OpenFeature SDK for browsers; what the page shows to the test stands in `window.flags`.
import { OpenFeature, ProviderEvents } from '@openfeature/web-sdk';
import { OFREPWebProvider } from '@openfeature/ofrep-web-provider';

window.flags = {
  changes: [],
  async start(options, context) {
    const client = OpenFeature.getClient();
    client.addHandler(ProviderEvents.ConfigurationChanged, (event) => {
      window.flags.changes.push({ at: Date.now(), keys: event.flagsChanged });
    });
    await OpenFeature.setContext(context);
    await OpenFeature.setProviderAndWait(new OFREPWebProvider({ cacheMode: 'disabled', ...options }));
    const read = {
      boolean: client.getBooleanDetails.bind(client),
      string: client.getStringDetails.bind(client),
      number: client.getNumberDetails.bind(client),
      object: client.getObjectDetails.bind(client),
    };
    window.flags.read = (type, key, otherwise) => read[type](key, otherwise);
    window.flags.as = (other) => OpenFeature.setContext(other);
  },
};
