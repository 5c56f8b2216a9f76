// One call of the Vercel AI SDK, watched by its OpenTelemetry integration: KIND URL QUESTION EXPERIMENT.
import { createOpenAI } from '@ai-sdk/openai';
import { OpenTelemetry } from '@ai-sdk/otel';
import { trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { embed, generateText, registerTelemetry, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';

const [kind, baseURL, prompt, experiment] = process.argv.slice(2);
const exporter = new OTLPTraceExporter({
  url: `${process.env.SPANSTATS_URL}/v1/traces`,
  headers: { 'x-api-key': process.env.SPANSTATS_API_KEY },
});
const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] });
provider.register();
registerTelemetry(new OpenTelemetry());

const openai = createOpenAI({ baseURL, apiKey: 'unused' });
const chat = { maxRetries: 0, model: openai.chat('gpt-4o-mini'), prompt };
const weather = tool({ description: 'The weather', inputSchema: z.object({}), execute: async () => 'sunny' });

const calls = {
  chat: () => generateText(chat),
  responses: () => generateText({ ...chat, model: openai.responses('gpt-4o-mini') }),
  agent: () => generateText({ ...chat, tools: { get_weather: weather }, stopWhen: stepCountIs(3) }),
  stream: async () => {
    for await (const _ of streamText(chat).textStream);
  },
  embedding: () => embed({ maxRetries: 0, model: openai.embedding('text-embedding-3-small'), value: prompt }),
};

await trace.getTracer('app').startActiveSpan('run', { attributes: { experiment_id: experiment } }, async (span) => {
  try {
    await calls[kind]();
  } catch (error) {
    console.log(`failed: ${error.message}`);
    process.exitCode = 1;
  }
  span.end();
});
await provider.shutdown();
