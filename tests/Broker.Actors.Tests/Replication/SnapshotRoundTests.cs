using Broker.Actors.Replication;
using Broker.Actors.Storage;
using Broker.Actors.Tests.Storage;
using Broker.Machines.Ledgers;
using Broker.Machines.Queues;
using Broker.Machines.Replication;
using Broker.Storage;
using Broker.Storage.Disks;
using Broker.Storage.Log;
using Broker.Storage.Records;

namespace Broker.Actors.Tests.Replication;

/// <summary>A snapshot that is sent while the shard goes on, and its log is given up.</summary>
public sealed class SnapshotRoundTests
{
    private static readonly StoreOptions s_options = ShardScript.Options with { Log = new LogOptions { FileBytes = 64 << 10, MaxBytes = 512 << 10 } };
    private const ulong Busy = 1;
    private const ulong Quiet = 2;

    [Fact]
    public void A_state_that_is_sent_faster_than_the_log_is_given_up_goes_in_one_round()
    {
        var run = new Run(new Random(1));
        run.Fill(Busy, 100);
        run.Send(_ => { });
        Assert.Equal(1, run.Reader.Round);
    }

    [Fact]
    public void What_the_log_has_let_go_of_since_follows_in_rounds_that_get_shorter()
    {
        var run = new Run(new Random(1));
        run.Fill(Quiet, 100);
        run.Fill(Busy, 1500);
        var bytes = new List<long>();
        run.Send(
            sent =>
            {
                if (run.Reader.Round > bytes.Count)
                {
                    bytes.Add(0);
                }

                bytes[^1] += sent;
                run.Append(Busy, messages: sent / 1600); // of 1,000 bytes
            });
        Assert.True(bytes.Count > 2, $"there were {bytes.Count} rounds");
        Assert.True(bytes[1] < bytes[0] && bytes[^1] < bytes[0] / 4, $"rounds had {string.Join(", ", bytes)} bytes");
        Assert.InRange(bytes.Sum(), 1_500_000, (long)run.Leader.Ahead[Busy].NextPosition * 1050); // each message was sent once
    }

    [Fact]
    public void A_queue_that_ends_meanwhile_leaves_nothing()
    {
        var run = new Run(new Random(1));
        run.Fill(Quiet, 100);
        run.Fill(Busy, 1500);
        var isDone = false;
        run.Send(sent =>
        {
            if (!isDone && run.Install.Queues.ContainsKey(Quiet))
            {
                isDone = true;
                run.Leader.Delete(Quiet);
            }

            run.Append(Busy, messages: sent / 1600);
        });
        Assert.True(isDone);
        Assert.Equal([Busy], run.Install.Queues.Keys);
        Assert.Equal([Busy], run.Follower.Segments.Queues());
    }

    [Fact]
    public void Segments_whose_messages_have_all_left_meanwhile_are_deleted()
    {
        var run = new Run(new Random(1));
        run.Fill(Busy, 1500);
        run.Send(sent =>
        {
            var (first, last) = (run.Leader.Ahead[Busy].Live.First, run.Leader.Ahead[Busy].NextPosition - 1);
            var messages = sent / 1600;
            run.Append(Busy, messages, settled: last - first > 100 ? [new PositionRange(first, first + (2 * (ulong)messages))] : []);
        });
        var ledger = run.Install.Queues[Busy];
        Assert.Equal(ledger.Index.Segments.Select(s => s.Number).Order(), run.Follower.Segments.Segments(Busy));
        Assert.True(ledger.LastSegment > ledger.Index.Segments.Count, "no segment was deleted");
    }

    /// <summary>Messages with priorities, keys and ids, held back, dead and handed out; what is so of each changes after it was sent.</summary>
    [Fact]
    public void What_is_known_of_single_messages_arrives_with_them_or_in_a_later_round()
    {
        var random = new Random(1);
        var run = new Run(random);
        var dead = 0UL;
        var rounds = new List<(int Priorities, int Held, int Dead, int Delivered)>();
        for (var i = 0; i < 150; i++)
        {
            Append();
        }

        run.Send(sent =>
        {
            for (var left = sent / 1600; left > 0; left -= 10)
            {
                Append();
            }

            if (run.Install.Queues.TryGetValue(Busy, out var ledger) && run.Reader.Round > rounds.Count)
            {
                var ranges = ledger.Live.Ranges();
                rounds.Add((ranges.Count(r => r.Priority > 0), ledger.Held.Count, ledger.Dead.Count, ranges.Count(r => r.DeliveryCount > 0)));
            }
        });
        Assert.True(rounds.Count > 2, $"there were {rounds.Count} rounds");
        Assert.All(rounds, r => Assert.True(r is { Priorities: > 5, Held: > 5, Dead: > 5, Delivered: > 5 }, $"a round had only {r}"));
        var ended = run.Install.Queues[Busy];
        Assert.True(ended.Keyed.Count > 5 && ended.Ids.Count > 5 && ended.IsPaused && ended.LastExpiring > 0, "the last round does not have everything");

        void Append()
        {
            var ledger = run.Leader.Ahead.GetValueOrDefault(Busy) ?? new QueueLedger();
            var first = ledger.NextPosition;
            run.Append(
                Busy,
                messages: 10,
                settled: Some(),
                also: record => record with
                {
                    Producers = [new ProducerMark("shop", first)],
                    Priorities = [new PriorityRange(first, first + 3, 1 + random.Next(31))],
                    Keyed = [new KeyedMessage(first + 4, 1000, $"key {first}")],
                    Ids = new MessageIds((long)first, Window: 1000, MaxCount: 500, [$"id {first}"]),
                    LastExpiring = first + 5,
                    Paused = true,
                    Delivered = Some(),
                    Held = [new HeldMessage(first + 6, (long)first + 1000, 1000, ""), .. Some().Select(r => new HeldMessage(r.First, (long)first, 1000, "group"))],
                    Dead = [.. Some().Select(r => new DeadMark(r.First, ++dead, 1000, DeadLetterReason.Rejected, "no", (long)first))],
                });

            List<PositionRange> Some() => [.. Enumerable.Range(0, 2).Select(_ => first > 1 ? (ulong)random.NextInt64(1, (long)first) : 0)
                .Where(p => ledger.Live.HasAny(p, p) && !ledger.Dead.TryGet(p, out _)).Distinct().Select(p => new PositionRange(p, p))];
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Whatever_happens_meanwhile_the_follower_has_the_same_and_goes_on_from_the_log(int batch)
    {
        var (rounds, ended, begun) = (0, 0, 0);
        for (var seed = batch * 1000; seed < (batch * 1000) + 25; seed++)
        {
            try
            {
                var random = new Random(seed);
                var run = new Run(random);
                var numbers = new List<ulong> { 1, 2, 3 };
                run.Fill(1, random.Next(200, 1500));
                run.Fill(2, random.Next(500));
                var share = random.Next(200, 900); // in thousandths: what comes in while something is sent
                run.Send(sent =>
                {
                    for (var left = sent * share / 1_000_000; left > 0;)
                    {
                        var queue = numbers[random.Next(numbers.Count)];
                        var ledger = run.Leader.Ahead.GetValueOrDefault(queue);
                        if (ledger is not null && random.Next(40) == 0)
                        {
                            run.Leader.Delete(queue);
                            numbers.Remove(queue);
                            ended++;
                            continue;
                        }

                        if (numbers.Count < 3 || random.Next(30) == 0)
                        {
                            numbers.Add(numbers.Max() + 1);
                            begun++;
                        }

                        var settled = ledger?.Live.Ranges().Where(_ => random.Next(25) == 0).Select(r => new PositionRange(r.First, r.First + ((r.Last - r.First) / 2))).ToList();
                        var messages = random.Next(1, 10);
                        run.Append(queue, messages, settled ?? []);
                        left -= messages;
                    }
                });
                rounds = Math.Max(rounds, run.Reader.Round);
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"seed {seed}: {e.Message}", e);
            }
        }

        Assert.True(rounds > 2 && ended > 10 && begun > 10, $"too little has happened: at most {rounds} rounds, {ended} queues ended, {begun} began");
    }

    /// <summary>A leader's shard, and a follower that gets it.</summary>
    private sealed class Run
    {
        private readonly Random _random;
        private readonly NodeStorage _leaderStorage;
        private readonly NodeStorage _followerStorage;
        private int _appends;

        public Run(Random random)
        {
            _random = random;
            Leader.BeginEpoch();
            Follower = NodeStore.Open(new MemoryDisk(), s_options);
            Follower.Recover(new QueueRecovery(Follower, isClustered: true));
            _leaderStorage = StorageOf(Leader.Store);
            _followerStorage = StorageOf(Follower);
            Reader = new SnapshotReader(_leaderStorage, ShardScript.Shard, new ReplicaMessage.Snapshot(Leader.Epoch, 1, new Lineage()));
        }

        public ShardScript Leader { get; } = new(options: s_options);

        public NodeStore Follower { get; }

        public SnapshotReader Reader { get; }

        public SnapshotInstall Install { get; private set; } = null!;

        /// <summary>Messages that stay, most of them in segments.</summary>
        public void Fill(ulong queue, int messages)
        {
            for (; messages > 0; messages -= 10)
            {
                Append(queue, Math.Min(messages, 10));
            }
        }

        public void Append(ulong queue, int messages, IReadOnlyList<PositionRange>? settled = null, Func<QueueRecord, QueueRecord>? also = null)
        {
            Leader.Append(queue, messages, bytes: 1000, settled: settled, also: also);
            Leader.Commit(Leader.Log.Last - (ulong)_random.Next(2));
            if (++_appends % 5 == 0)
            {
                Leader.Retire();
            }
        }

        /// <summary>Sends everything, and looks whether it has arrived.</summary>
        /// <param name="meanwhile">What the shard does while so many bytes are sent.</param>
        public void Send(Action<int> meanwhile)
        {
            for (var parts = 0; Reader.Next() is { IsEmpty: false } part; parts++)
            {
                Assert.True(parts < 500, $"it has not ended after {parts} parts in {Reader.Round} rounds");
                var content = part[1..]; // the first byte says that it is whole
                if (SnapshotPart.IsOne(content))
                {
                    Install.Take(content);
                }
                else
                {
                    var begin = (ReplicaMessage.Snapshot)ReplicaMessageCodec.Read(new ReplicaReader(content));
                    Install = new SnapshotInstall(_followerStorage, "a", begin.Log);
                }

                if (!Install.IsComplete)
                {
                    meanwhile(part.Length);
                }
            }

            Assert.True(Install.IsComplete);
            Assert.Equal(Reader.Round > 1, Install.TakeNewest());
            Assert.Equal(Reader.Last, Install.Log.Last);
            Assert.True(
                Leader.Records.Count == (int)Reader.Last || Leader.Store.Log.StartPosition <= Leader.Records[(int)Reader.Last].PositionIn(Leader.Store.Log), "the log does not have what comes next");
            Check();
        }

        private void Check()
        {
            var expected = Leader.LedgersAt(Reader.Last);
            Assert.Equal(ShardText.ContentOf(expected), ShardText.ContentOf(Install.Queues.ToDictionary()));
            foreach (var (queue, ledger) in Install.Queues)
            {
                Assert.Empty(ledger.Unplaced());
                foreach (var position in ledger.Live.Ranges().SelectMany(r => ShardScript.Positions(r.First, r.Last)))
                {
                    var found = Read(queue, ledger, position);
                    if (found.Length > 0 || (Leader.Ledgers.TryGetValue(queue, out var now) && now.Live.HasAny(position, position)))
                    {
                        Assert.Equal(Leader.BytesAt(Reader.Last, queue, position), found); // else it has left since
                    }
                }
            }
        }

        private byte[] Read(ulong queue, QueueLedger ledger, ulong position)
        {
            var segment = ledger.Index.FindSegment(position)!;
            var blocks = Follower.Segments.Blocks(queue, segment.Number, segment.Length).Where(b => b.First <= position && position <= b.Last);
            var found = blocks.SelectMany(b => Follower.Segments.Read(queue, b)!.Messages()).Single(m => m.Position == position && m.State == StoredMessageState.Intact);
            Assert.Equal(found.Bytes.Length > 0 ? position : 0, found.Meta); // as the leader has written it
            return found.Bytes.ToArray();
        }

        private static NodeStorage StorageOf(NodeStore store) =>
            new(new BrokerStorageOptions { Store = store, Metadata = null!, Scheduler = null!, Log = s_options.Log, SegmentBytes = s_options.Segments.SegmentBytes });
    }
}
