using System.Collections.Concurrent;
using System.Diagnostics;
using Broker.Storage.Disks;
using Broker.Storage.Log;
using Broker.Storage.Records;
using Broker.Storage.Tests.Disks;
using Broker.Storage.Tests.Recovery;

namespace Broker.Storage.Tests.Log;

/// <summary>The log with its thread; on a real disk where that matters.</summary>
public sealed class LogThreadTests : IDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);
    private static readonly LogOptions s_options = new() { FileBytes = 1 << 20, MaxBytes = 4 << 20 };
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void A_lone_record_is_committed_without_waiting_for_more()
    {
        using var log = Open(out _);
        using var thread = new LogThread(log, markAfter: TimeSpan.FromHours(1));
        var client = new WaitingClient();
        for (var i = 1UL; i <= 20; i++)
        {
            log.Append(client.Next(1, i));
            client.WaitFor(i);
        }
    }

    [Fact]
    public void No_record_is_left_lying_by_a_thread_that_is_about_to_sleep()
    {
        var log = new TestLog(options: TestLog.Small with { FileBytes = 4 << 20, MaxBytes = 16 << 20 }).Log;
        using var thread = new LogThread(log, markAfter: TimeSpan.FromHours(1));
        var client = new WaitingClient();
        var records = Enumerable.Range(1, 4_000).Select(i => client.Next(1, (ulong)i, bytes: 1)).ToList();
        var end = Stopwatch.GetTimestamp() + (long)(s_limit.TotalSeconds * Stopwatch.Frequency);
        foreach (var record in records)
        {
            log.Append(record);
            while (client.Committed < record.Index) // awake, to be as fast as the thread is
            {
                Assert.True(Stopwatch.GetTimestamp() < end, $"waited {s_limit.TotalSeconds:0} s; record {record.Index} was left lying");
            }

            Thread.SpinWait((int)record.Index % 16);
        }
    }

    [Fact]
    public void A_log_that_comes_to_rest_is_marked()
    {
        using var log = Open(out _);
        using var thread = new LogThread(log, markAfter: TimeSpan.FromMilliseconds(1));
        var client = new WaitingClient();
        log.Append(client.Next(1, 1));
        client.WaitFor(1);
        Until(() => log.RecordCount >= 2, "the mark");
        log.Append(client.Next(1, 2));
        client.WaitFor(2);
        Until(() => log.RecordCount >= 4, "the second mark");
    }

    [Fact]
    public void Whoever_ends_the_thread_finds_everything_written_and_marked()
    {
        using (var log = Open(out _))
        {
            var client = new WaitingClient();
            var thread = new LogThread(log, markAfter: TimeSpan.FromHours(1));
            for (var i = 1UL; i <= 500; i++)
            {
                log.Append(client.Next(1, i));
            }

            thread.Dispose();
            client.WaitFor(500);
        }

        using var again = Open(out var found);
        Assert.Equal(500, found.Records.Count);
        var image = LogImage.Of(new FileDisk(_folder.Path));
        Assert.Equal(RecordKind.Mark, image.Records[^1].Header.Kind);
        Assert.Equal(image.Records[^1].Header.Position, image.Records[^1].Header.SyncedPosition);
    }

    [Fact]
    public void Who_appends_after_the_thread_has_ended_comes_to_no_harm()
    {
        using var log = Open(out _);
        var thread = new LogThread(log);
        thread.Dispose();
        var client = new WaitingClient();
        log.Append(client.Next(1, 1));
        log.Fail("too late");
        thread.Dispose();
        Assert.Equal(0UL, client.Committed);
        Assert.True(log.CommitGroup() || log.State == LogState.Failed);
    }

    [Fact]
    public void Many_who_append_at_once_each_see_their_records_committed_in_order()
    {
        const int Appenders = 8;
        const int Records = 400;
        long syncs;
        using (var log = Open(out _))
        {
            using var thread = new LogThread(log, markAfter: TimeSpan.FromMilliseconds(1));
            var failures = new ConcurrentBag<Exception>();
            var threads = Enumerable.Range(1, Appenders).Select(entity => new Thread(() =>
            {
                try
                {
                    AppendAll(log, (ulong)entity, Records);
                }
                catch (Exception e)
                {
                    failures.Add(e);
                }
            })).ToList();
            RunAll(threads);
            Assert.Empty(failures);
            syncs = log.SyncCount;
        }

        using var again = Open(out var found);
        Assert.True(found.IsQuiet);
        found.CheckBytes();
        foreach (var records in found.Records.GroupBy(r => r.Header.Entity))
        {
            Assert.Equal(Enumerable.Range(1, Records).Select(i => (ulong)i), records.Select(r => r.Header.Index));
        }

        Assert.Equal(Appenders * Records, found.Records.Count);
        Assert.True(syncs < Appenders * Records / 2, $"{syncs} syncs for {Appenders * Records} records: they hardly ever share one");
    }

    [Fact]
    public void Files_are_read_and_given_up_while_others_append()
    {
        using var log = Open(out _);
        using var thread = new LogThread(log, markAfter: TimeSpan.FromMilliseconds(1));
        var client = new WaitingClient();
        var (read, retired) = (0, false);
        for (var i = 1UL; i <= 600; i++)
        {
            var record = client.Next(1, i, bytes: 10_000);
            log.Append(record);
            if (i % 20 != 0)
            {
                continue;
            }

            client.WaitFor(i);
            log.PrepareSpare();
            var stored = log.Read(record.Position, record.Length)!;
            Assert.Equal(TestRecord.MessageOf(1, i, 10_000), Assert.Single(stored.Messages()).Bytes.ToArray());
            read++;
            if (i % 200 == 0)
            {
                log.Append(client.Checkpoint(1, ++i));
                client.WaitFor(i);
                retired |= log.Retire(log.RetirementGoal());
            }
        }

        Assert.Equal((30, true), (read, retired));
        Assert.True(log.SizeBytes <= 6 << 20);
    }

    [Fact]
    public void A_full_disk_is_tried_again_until_there_is_space()
    {
        var disk = new MemoryDisk(new MemoryDiskOptions { CapacityBytes = (2 * TestLog.FileBytes) + 10_000 });
        disk.CreateSynced("ballast", new byte[40_000]).Dispose();
        var log = new TestLog(disk).Log;
        using var thread = new LogThread(log, retryAfter: TimeSpan.FromMilliseconds(1));
        var client = new WaitingClient();
        for (var i = 1UL; i <= 9; i++)
        {
            log.Append(client.Next(1, i, bytes: 9000));
        }

        Until(() => log.State == LogState.Full, "the disk to be full");
        disk.Delete("ballast");
        client.WaitFor(9);
        Until(() => log.State == LogState.Running, "the log to run again");
    }

    [Fact]
    public void A_log_that_has_failed_says_so_to_all_and_its_thread_ends_in_order()
    {
        var disk = new MemoryDisk();
        var log = new TestLog(disk).Log;
        var client = new WaitingClient();
        using (new LogThread(log))
        {
            log.Append(client.Next(1, 1));
            client.WaitFor(1);
            disk.OnOperation = operation => operation.Kind == DiskOperationKind.Sync ? DiskError.Io : null;
            log.Append(client.Next(1, 2));
            Until(() => client.Failures == 1, "the failure to be told");
            log.Append(client.Next(1, 3));
            Assert.Equal(2, client.Failures);
        }

        Assert.Equal((LogState.Failed, 1UL), (log.State, client.Committed));
    }

    public void Dispose() => _folder.Dispose();

    private WriteAheadLog Open(out Findings found)
    {
        found = new Findings();
        return WriteAheadLog.Open(new FileDisk(_folder.Path), TestLog.Folder, TestLog.Store, s_options, found);
    }

    private static void AppendAll(WriteAheadLog log, ulong entity, int count)
    {
        var client = new WaitingClient();
        for (var i = 1UL; i <= (ulong)count; i++)
        {
            log.Append(client.Next(entity, i, bytes: (int)entity * 100));
            if (i % (10 * entity) == 0)
            {
                client.WaitFor(i);
            }
        }

        client.WaitFor((ulong)count);
        Assert.True(client.IsInOrder);
    }

    private static void Until(Func<bool> condition, string what) => Assert.True(SpinWait.SpinUntil(condition, s_limit), $"waited {s_limit.TotalSeconds:0} s for {what}");

    private static void RunAll(List<Thread> threads)
    {
        threads.ForEach(thread => thread.Start());
        Assert.All(threads, thread => Assert.True(thread.Join(s_limit), "an appender has not ended"));
    }

    /// <summary>Counts what is committed, and can be waited for.</summary>
    private sealed class WaitingClient : LogClient
    {
        private readonly Lock _lock = new();
        private readonly ManualResetEventSlim _changed = new();
        private ulong _committed;
        private int _failures;

        public ulong Committed => Volatile.Read(ref _committed);

        public int Failures => Volatile.Read(ref _failures);

        public bool IsInOrder { get; private set; } = true;

        public TestRecord Next(ulong entity, ulong index, int bytes = 100) => new()
        {
            Client = this,
            Kind = RecordKind.Operations,
            Entity = entity,
            Index = index,
            FirstPosition = index,
            Operations = TestRecord.OperationsOf(entity, index, 16),
            Messages = [TestRecord.MessageOf(entity, index, bytes)],
        };

        public TestRecord Checkpoint(ulong entity, ulong index) => new() { Client = this, Kind = RecordKind.Checkpoint, Entity = entity, Index = index, FirstPosition = index };

        public override void OnCommitted(LogRecord last)
        {
            IsInOrder &= last.Index > _committed;
            Volatile.Write(ref _committed, last.Index);
            lock (_lock)
            {
                _changed.Set();
            }
        }

        public override void OnFailed(LogFailure failure) => Interlocked.Increment(ref _failures);

        public void WaitFor(ulong index)
        {
            while (Committed < index)
            {
                Assert.True(_changed.Wait(s_limit), $"waited {s_limit.TotalSeconds:0} s for record {index}; {Committed} is committed");
                lock (_lock)
                {
                    _changed.Reset();
                }
            }
        }
    }
}
