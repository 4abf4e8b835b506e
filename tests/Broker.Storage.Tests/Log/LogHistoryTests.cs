using Broker.Storage.Disks;
using Broker.Storage.Log;
using Broker.Storage.Records;

namespace Broker.Storage.Tests.Log;

/// <summary>Random lives of a log: records, marks, checkpoints, files that are given up, a disk that fails or is full, power losses and kills at any operation.</summary>
public sealed class LogHistoryTests
{
    [Fact]
    public void What_was_told_as_committed_is_there_after_any_history_and_nothing_is_missed_that_may_be_gone()
    {
        var seen = (Crashes: 0, Failures: 0, Retired: 0, Full: 0, Torn: 0);
        for (var seed = 0; seed < 250; seed++)
        {
            var history = new History(seed);
            for (var life = 0; life < 4; life++)
            {
                history.Live();
            }

            var (crashes, failures, retired, full, torn) = history.Seen;
            seen = (seen.Crashes + crashes, seen.Failures + failures, seen.Retired + retired, seen.Full + full, seen.Torn + torn);
        }

        Assert.True(seen is { Crashes: > 300, Failures: > 50, Retired: > 300, Full: > 20, Torn: > 20 }, $"too little has happened: {seen}");
    }

    private sealed class History
    {
        private readonly Random _random;
        private readonly int _seed;
        private readonly HashSet<ulong> _living = [1];
        private readonly Dictionary<long, (ulong Entity, ulong Index)> _certain = []; // by position: committed, or found by a recovery
        private readonly Queue<LogRecord> _appended = new(); // and not known to be committed
        private ulong _lastEntity = 1;
        private MemoryDisk _disk;
        private (int Crashes, int Failures, int Retired, int Full, int Torn) _seen;

        public History(int seed)
        {
            _seed = seed;
            _random = new Random(seed);
            _disk = new MemoryDisk(new MemoryDiskOptions { Seed = seed, CapacityBytes = seed % 4 == 0 ? 2 * TestLog.FileBytes : long.MaxValue });
        }

        public (int Crashes, int Failures, int Retired, int Full, int Torn) Seen => _seen;

        public void Live()
        {
            var disk = _disk;
            if (_random.Next(3) > 0)
            {
                disk.CrashAt(disk.OperationCount + 1 + _random.Next(60));
            }

            try
            {
                var log = Open();
                if (_random.Next(4) == 0)
                {
                    disk.OnOperation = operation => operation.Kind is DiskOperationKind.Write or DiskOperationKind.Sync && _random.Next(40) == 0 ? DiskError.Io : null;
                }

                for (var step = _random.Next(60); step > 0 && log.Log.State != LogState.Failed; step--)
                {
                    Step(log);
                }

                _seen.Failures += log.Log.State == LogState.Failed ? 1 : 0;
            }
            catch (DiskCrashedException)
            {
                _seen.Crashes++;
            }

            _disk = disk.Crash(lossless: _random.Next(3) == 0);
        }

        private TestLog Open()
        {
            var log = new TestLog(_disk);
            _appended.Clear();
            var found = log.Found;
            _seen.Torn += found.TornTails.Count;
            Assert.True(found.IsQuiet, $"seed {_seed}: {string.Join(' ', found.Story)}");
            found.CheckBytes();
            var records = found.Records.ToDictionary(r => r.Header.Position, r => (r.Header.Entity, r.Header.Index));
            foreach (var (position, record) in _certain.Where(c => c.Key >= log.Log.StartPosition))
            {
                Assert.True(records.TryGetValue(position, out var there) && there == record, $"seed {_seed}: {record} at {position} is gone");
            }

            Assert.All(_living.Where(e => _certain.ContainsValue((e, 1))), e => Assert.True(found.Records.Exists(r => r.Header.Entity == e), $"seed {_seed}: nothing is left of entity {e}"));
            foreach (var (position, record) in records)
            {
                _certain[position] = record;
            }

            // Whose end was not known to be on the disk may live again, or be gone after all.
            _living.ExceptWith(found.Records.Where(r => r.Header.Kind == RecordKind.Deleted).Select(r => r.Header.Entity));
            return log;
        }

        private void Step(TestLog log)
        {
            switch (_random.Next(12))
            {
                case < 6:
                    _appended.Enqueue(log.Append(
                        Any(), messages: _random.Next(4), bytes: _random.Next(6) == 0 ? _random.Next(30_000) : _random.Next(500), operations: _random.Next(60)));
                    break;
                case < 9:
                    Commit(log);
                    break;
                case 9:
                    Commit(log);
                    log.Log.CommitMark();
                    break;
                case 10 when _random.Next(3) == 0:
                    Delete(log);
                    break;
                default:
                    Shorten(log);
                    break;
            }
        }

        private ulong Any()
        {
            if (_living.Count == 0 || (_living.Count < 5 && _random.Next(8) == 0))
            {
                _living.Add(++_lastEntity);
            }

            return _living.ElementAt(_random.Next(_living.Count));
        }

        private void Commit(TestLog log)
        {
            log.CommitAll();
            _seen.Full += log.Log.State == LogState.Full ? 1 : 0;
            Note(log.Client);
        }

        // All of a client's records up to the one that it was told of.
        private void Note(TestClient client)
        {
            var last = client.Committed.Count > 0 ? client.Committed[^1].Position : -1;
            while (_appended.TryPeek(out var record) && record.Position >= 0 && record.Position <= last)
            {
                _appended.Dequeue();
                _certain[record.Position] = (record.Entity, record.Index);
            }
        }

        private void Delete(TestLog log)
        {
            Commit(log);
            if (_living.Count > 1 && log.Log.State == LogState.Running)
            {
                var entity = Any();
                _living.Remove(entity);
                _appended.Enqueue(log.Append(entity, messages: 0, kind: RecordKind.Deleted));
                if (_random.Next(2) == 0)
                {
                    log.Log.CommitMark(); // without a commit between, as when the log is about to come to rest
                }

                Commit(log);
                log.Log.Forget(entity);
            }
        }

        private void Shorten(TestLog log)
        {
            Commit(log);
            foreach (var entity in log.Log.EntitiesNeeding(log.Log.SyncedPosition).Where(_living.Contains))
            {
                _appended.Enqueue(log.Append(entity, messages: 0, kind: RecordKind.Checkpoint));
            }

            Commit(log);
            if (log.Log.State == LogState.Running)
            {
                _seen.Retired += log.Log.Retire(log.Log.SyncedPosition) ? 1 : 0;
            }
        }
    }
}
