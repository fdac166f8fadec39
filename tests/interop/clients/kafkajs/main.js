// kafkajs as ../contract.py describes. Its packages are looked for in NODE_PATH.

const crypto = require('node:crypto')
const fs = require('node:fs')
const readline = require('node:readline')
const { CompressionCodecs, CompressionTypes, Kafka, Partitioners, logLevel } = require('kafkajs')
const lz4 = require('lz4-napi')
const { ZstdCodec } = require('zstd-codec')

const VALUE_BYTES_MAX = 4096

const ACKS = { all: -1, 1: 1, 0: 0 }
const CODECS = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
}

const GROUP = 'kafkajs has no reader without a group'
const cannot = {
  'order among names of headers': 'kafkajs keeps headers in an object: one entry per name',
  'header values of null': 'kafkajs fails on a header value of null',
  'read from the beginning': GROUP,
  'read from a time': GROUP,
  'read from the end': GROUP,
}

async function addCodecs() {
  const zstd = await new Promise(resolve => ZstdCodec.run(loaded => resolve(new loaded.Simple())))
  CompressionCodecs[CompressionTypes.Snappy] = require('kafkajs-snappy')
  // Not lz4js: its blocks refer to blocks before them, and brokers refuse that.
  CompressionCodecs[CompressionTypes.LZ4] = () => ({
    compress: encoder => lz4.compressFrame(encoder.buffer),
    decompress: data => lz4.decompressFrame(data),
  })
  CompressionCodecs[CompressionTypes.ZSTD] = () => ({
    compress: async encoder => Buffer.from(zstd.compress(encoder.buffer)),
    decompress: async data => Buffer.from(zstd.decompress(data)),
  })
}

const connect = bootstrap => new Kafka({ brokers: bootstrap.split(','), logLevel: logLevel.ERROR })
const encoded = data => (data == null ? null : Buffer.from(data).toString('base64'))
const decoded = text => (text == null ? null : Buffer.from(text, 'base64'))

function told(value) {
  if (value == null || value.length <= VALUE_BYTES_MAX) return encoded(value)
  return 'sha256:' + crypto.createHash('sha256').update(value).digest('base64')
}

async function* produce({ bootstrap, topic, codec, acks, idempotent, file }) {
  const messages = fs.readFileSync(file, 'utf8').trimEnd().split('\n').map(message)
  // What it answers with is a partition's first offset; which message went where, only its partitioner knows.
  const chosen = new Map()
  const createPartitioner = () => {
    const choose = Partitioners.DefaultPartitioner()
    return asked => {
      const partition = choose(asked)
      chosen.set(asked.message, partition)
      return partition
    }
  }
  const producer = connect(bootstrap).producer({ idempotent, createPartitioner })
  await producer.connect()
  try {
    const answer = await producer.send({ topic, acks: ACKS[acks], compression: CODECS[codec], messages })
    const next = new Map((answer ?? []).map(at => [at.partition, Number(at.baseOffset)]))
    for (const sent of messages) {
      const partition = chosen.get(sent)
      const offset = next.get(partition)
      next.set(partition, offset + 1)
      yield { partition, offset: offset >= 0 ? offset : null }
    }
  } finally {
    await producer.disconnect()
  }
}

function message(line) {
  const { partition, timestamp, key, value, headers } = JSON.parse(line)
  const byName = {}
  for (const [name, text] of headers) (byName[name] ??= []).push(decoded(text))
  return { partition, timestamp: String(timestamp), key: decoded(key), value: decoded(value), headers: byName }
}

async function* consume({ bootstrap, topic, start, count, limit_s }) {
  if (start !== 'beginning') throw new Error(GROUP)
  const consumer = connect(bootstrap).consumer({ groupId: `kafkajs-${crypto.randomUUID()}` })
  await consumer.connect()
  const found = []
  try {
    await consumer.subscribe({ topic, fromBeginning: true })
    await new Promise((resolve, reject) => {
      setTimeout(resolve, limit_s * 1000).unref()
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error))
      const eachMessage = async ({ partition, message }) => {
        found.push(stored(partition, message))
        if (found.length >= count) resolve()
      }
      consumer.run({ autoCommit: false, eachMessage }).catch(reject)
    })
  } finally {
    await consumer.disconnect()
  }
  yield* found
}

function stored(partition, { offset, timestamp, key, value, headers }) {
  const listed = Object.entries(headers).flatMap(([name, values]) => [values].flat().map(data => [name, encoded(data)]))
  return {
    partition,
    offset: Number(offset),
    timestamp: Number(timestamp),
    key: encoded(key),
    value: told(value),
    headers: listed,
  }
}

const say = answer => process.stdout.write(JSON.stringify(answer) + '\n')

async function main() {
  await addCodecs()
  say({ client: `kafkajs ${require('kafkajs/package.json').version}`, cannot })
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { do: what, ...fields } = JSON.parse(line)
    try {
      for await (const answer of { produce, consume }[what](fields)) say(answer)
      say({ done: true })
    } catch (error) {
      say({ failed: error.stack ?? String(error) })
    }
  }
  process.exit(0)
}

main()
