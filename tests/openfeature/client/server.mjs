// The OpenFeature SDK for servers in Node, driven line by line: a question in, its details out.
import { createInterface } from 'node:readline';
import { OpenFeature } from '@openfeature/server-sdk';
import { OFREPProvider } from '@openfeature/ofrep-provider';

const headers = [['X-API-Key', process.env.FLAG_KEY]];
await OpenFeature.setProviderAndWait(new OFREPProvider({ baseUrl: process.env.FLAG_URL, headers }));
const client = OpenFeature.getClient();
const read = {
  boolean: client.getBooleanDetails.bind(client),
  string: client.getStringDetails.bind(client),
  number: client.getNumberDetails.bind(client),
  object: client.getObjectDetails.bind(client),
};
console.log(JSON.stringify({ ready: true }));
for await (const line of createInterface({ input: process.stdin })) {
  const { type, key, otherwise, context } = JSON.parse(line);
  console.log(JSON.stringify(await read[type](key, otherwise, context)));
}
