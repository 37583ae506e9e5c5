-- What has to happen at the store in one step. Every function touches the keys of one hash slot only.
--
-- A shard's record is a hash:
--   token       who may write: epoch and incarnation, 16 bytes; absent when nobody owns the shard
--   holder      the process that the token was given to
--   epoch       of the last token that was given
--   until       end of the lease, milliseconds of the server's clock
--   seq         number of the last batch
--   checkpoint  everything up to this batch is in the tables
--   piece       number of the last piece of a checkpoint that this token has written
--   store       the id of the store; without it this is a record that has lost what it said
-- Its log is a stream; batch n has the id n-0.
--
-- Answers begin with one of these. The same numbers are in functions.rs.
local DONE, FENCED, BEHIND, CONFLICT, HELD, GONE = 0, 1, 2, 3, 4, 5

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Lua writes large numbers as powers of ten.
local function whole(number)
  return string.format('%.0f', number)
end

local function lease_end(ttl_ms)
  return whole(now_ms() + tonumber(ttl_ms))
end

-- keys: record. args: holder, incarnation (8 bytes), lease in ms, id of the store. The epoch of a token as bytes is made here.
local function acquire(keys, args)
  local holder, incarnation, ttl_ms = args[1], args[2], tonumber(args[3])
  local record = redis.call('HMGET', keys[1], 'holder', 'until', 'epoch', 'seq', 'checkpoint', 'store')
  if record[6] ~= args[4] then
    return { GONE }
  end
  local now = now_ms()
  if record[1] and record[1] ~= holder then
    local left = tonumber(record[2]) - now
    -- A lease never has more than its whole length left: the clock was set back, and it begins anew.
    if left > ttl_ms then
      left = ttl_ms
      redis.call('HSET', keys[1], 'until', whole(now + ttl_ms))
    end
    if left > 0 then
      return { HELD, left }
    end
  end
  local epoch = tonumber(record[3] or '0') + 1
  local seq, checkpoint = record[4] or '0', record[5] or '0'
  local token = struct.pack('>I8', epoch) .. incarnation
  redis.call('HSET', keys[1], 'token', token, 'holder', holder, 'epoch', whole(epoch), 'until', whole(now + ttl_ms), 'seq', seq,
    'checkpoint', checkpoint, 'piece', '0')
  return { DONE, epoch, tonumber(seq), tonumber(checkpoint) }
end

-- keys: record. args: token, lease in ms.
local function renew(keys, args)
  if redis.call('HGET', keys[1], 'token') ~= args[1] then
    return { FENCED }
  end
  redis.call('HSET', keys[1], 'until', lease_end(args[2]))
  return { DONE }
end

-- keys: record. args: token.
local function release(keys, args)
  if redis.call('HGET', keys[1], 'token') ~= args[1] then
    return { FENCED }
  end
  redis.call('HDEL', keys[1], 'token', 'holder', 'until')
  return { DONE }
end

-- keys: record, log. args: token, number of the batch before, lease in ms, batch.
local function append(keys, args)
  local record = redis.call('HMGET', keys[1], 'token', 'seq')
  if record[1] ~= args[1] then
    return { FENCED }
  end
  local seq, expected = tonumber(record[2]), tonumber(args[2])
  if seq < expected then
    return { BEHIND, seq }
  end
  local id = whole(expected + 1) .. '-0'
  if seq > expected then
    -- The same bytes again, because the first answer was lost: they are there.
    local there = redis.call('XRANGE', keys[2], id, id)[1]
    if not there or there[2][2] ~= args[4] then
      return { CONFLICT, seq }
    end
    redis.call('HSET', keys[1], 'until', lease_end(args[3]))
    return { DONE }
  end
  redis.call('XADD', keys[2], id, 'b', args[4])
  redis.call('HSET', keys[1], 'seq', whole(seq + 1), 'until', lease_end(args[3]))
  return { DONE }
end

-- keys: record, log, then for each table its values and its order. args: token, up to which batch, number of the piece, whether it is the checkpoint's
-- last one, then the operations: `P` table key value, `D` table key; in small letters for tables without order. Tables count from 0.
local function checkpoint(keys, args)
  local record = redis.call('HMGET', keys[1], 'token', 'seq', 'checkpoint', 'piece')
  if record[1] ~= args[1] then
    return { FENCED }
  end
  local upto = tonumber(args[2])
  if upto > tonumber(record[2]) then
    return { BEHIND, tonumber(record[2]) }
  end
  -- A piece that comes again, because its answer was lost, or so late that newer ones have been here: it would set values back.
  if tonumber(args[3]) <= tonumber(record[4]) then
    return { DONE }
  end
  local at, last = 5, #args
  while at <= last do
    local kind, key = args[at], args[at + 2]
    local place = 3 + 2 * tonumber(args[at + 1])
    if kind == 'P' or kind == 'p' then
      redis.call('HSET', keys[place], key, args[at + 3])
      if kind == 'P' then
        redis.call('ZADD', keys[place + 1], 0, key)
      end
      at = at + 4
    else
      redis.call('HDEL', keys[place], key)
      if kind == 'D' then
        redis.call('ZREM', keys[place + 1], key)
      end
      at = at + 3
    end
  end
  -- The lease is left as it is: what carries much is waited for longer than a lease lasts, and an owner that hears no answers must not hold others up.
  redis.call('HSET', keys[1], 'piece', args[3])
  if args[4] == '1' and upto > tonumber(record[3]) then
    redis.call('HSET', keys[1], 'checkpoint', whole(upto))
    redis.call('XTRIM', keys[2], 'MINID', '~', whole(upto + 1) .. '-0')
  end
  return { DONE }
end

-- keys: a table's values, its order. args: command, from, to, how many at most, bytes after which it ends.
-- Answers whether there is more, then keys and values in turn.
local function scan(keys, args)
  local limit, bytes_left = tonumber(args[4]), tonumber(args[5])
  local found = redis.call(args[1], keys[2], args[2], args[3], 'LIMIT', 0, limit)
  local answer = { #found == limit and 1 or 0 }
  for _, key in ipairs(found) do
    if bytes_left <= 0 then
      answer[1] = 1
      break
    end
    local value = redis.call('HGET', keys[1], key)
    if not value then
      return redis.error_reply('DAMAGED a key that the order of ' .. keys[1] .. ' names has no value')
    end
    answer[#answer + 1] = key
    answer[#answer + 1] = value
    bytes_left = bytes_left - #key - #value
  end
  return answer
end

-- keys: settings. args: names and values in turn. Writes them if there are none yet. Answers with what stands there under these names.
local function settle(keys, args)
  if redis.call('EXISTS', keys[1]) == 0 then
    redis.call('HSET', keys[1], unpack(args))
  end
  local names = {}
  for at = 1, #args, 2 do
    names[#names + 1] = args[at]
  end
  return redis.call('HMGET', keys[1], unpack(names))
end

-- keys: members, when each was heard of. args: incarnation, what it says, lifetime in ms. Answers with what the living say.
local function beat(keys, args)
  local now, lifetime_ms = now_ms(), tonumber(args[3])
  -- Who has been silent for long, or seems to speak from a future that a clock set back has left behind.
  local silent = redis.call('ZRANGEBYSCORE', keys[2], '-inf', now - 10 * lifetime_ms)
  for _, incarnation in ipairs(redis.call('ZRANGEBYSCORE', keys[2], now + 10 * lifetime_ms, '+inf')) do
    silent[#silent + 1] = incarnation
  end
  for _, incarnation in ipairs(silent) do
    redis.call('HDEL', keys[1], incarnation)
    redis.call('ZREM', keys[2], incarnation)
  end
  redis.call('HSET', keys[1], args[1], args[2])
  redis.call('ZADD', keys[2], now, args[1])
  local living = redis.call('ZRANGEBYSCORE', keys[2], '(' .. whole(now - lifetime_ms), now + lifetime_ms)
  local answer = {}
  for _, incarnation in ipairs(living) do
    answer[#answer + 1] = redis.call('HGET', keys[1], incarnation)
  end
  return answer
end

-- keys: members, when each was heard of. args: incarnation.
local function leave(keys, args)
  redis.call('HDEL', keys[1], args[1])
  redis.call('ZREM', keys[2], args[1])
  return { DONE }
end

-- A full server takes no batches, but leases go on, and what a checkpoint writes lets the log give room back.
local function register(name, callback, flags)
  redis.register_function { function_name = PREFIX .. name, callback = callback, flags = flags }
end

register('append', append, {})
register('acquire', acquire, { 'allow-oom' })
register('renew', renew, { 'allow-oom' })
register('release', release, { 'allow-oom' })
register('checkpoint', checkpoint, { 'allow-oom' })
register('scan', scan, { 'no-writes' })
register('settle', settle, { 'allow-oom' })
register('beat', beat, { 'allow-oom' })
register('leave', leave, { 'allow-oom' })
