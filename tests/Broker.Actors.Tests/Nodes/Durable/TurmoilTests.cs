using System.Collections.Concurrent;
using System.Text;
using Broker.Actors.Server;
using Broker.Machines.Queues;
using Broker.Protocol;
using Broker.Storage.Disks;
using Broker.Storage.Log;
using Broker.Storage.Segments;
using Broker.Transport;

namespace Broker.Actors.Tests.Nodes.Durable;

/// <summary>
/// Publishers that repeat what they have no answer for, and consumers that settle at random, on a node with little memory and a short log that stops and starts in the middle of it all: nothing
/// that was confirmed is lost, nothing that was settled comes back, and nothing comes twice or out of order.
/// </summary>
public sealed class TurmoilTests
{
    private const int Runs = 4;
    private const int Producers = 3;
    private const int MessagesOfARun = 300;
    private static readonly BrokerLimits s_limits = new()
    {
        Queue = new QueueLimits { MaxLoadedBytes = 64 << 10, MinLoadedBytes = 64 << 10, ReadAheadBytes = 64 << 10, MaxUncertainBytes = 256 << 10 },
    };
    private readonly MemoryDisk _disk = new();
    private readonly ConcurrentDictionary<string, bool> _confirmed = new();
    private readonly ConcurrentDictionary<string, bool> _settling = new(); // sent, and not known to be in effect
    private readonly ConcurrentDictionary<string, bool> _settled = new();
    private TaskCompletionSource _enough = new();
    private int _target; // of messages confirmed
    private int _settledTarget;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Nothing_is_lost_repeated_or_out_of_order(int seed)
    {
        var next = new ulong[Producers];
        Array.Fill(next, 1UL);
        for (var run = 1; run <= Runs; run++)
        {
            var broker = await StartAsync();
            await using (var setup = await broker.ConnectAsync())
            {
                await setup.DeclareQueueAsync("orders", DeclareQueueFlags.Durable);
            }

            var random = new Random((seed * 100) + run);
            (_target, _settledTarget) = run % 2 == 0
                ? (_confirmed.Count + random.Next(100, Producers * MessagesOfARun), 0) // in the middle of publishing
                : (0, _settled.Count + random.Next(100, 400)); // in the middle of settling
            _enough = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var publishing = Enumerable.Range(0, Producers).Select(p => PublishAsync(broker, p, next, new Random(random.Next()))).ToList();
            var consuming = Enumerable.Range(0, 3).Select(_ => ConsumeAsync(broker, new Random(random.Next()))).ToList();
            await _enough.Task.WaitAsync(WireConnection.Timeout);
            await broker.DisposeAsync();
            await Task.WhenAll([.. publishing, .. consuming]);
        }

        await using var last = await StartAsync();
        var left = await DrainAsync(last);
        Assert.Equal(left.Count, left.Distinct().Count());
        Assert.DoesNotContain(left, _settled.ContainsKey);
        Assert.Empty(_confirmed.Keys.Where(c => !_settled.ContainsKey(c) && !_settling.ContainsKey(c)).Except(left));
        for (var p = 0; p < Producers; p++)
        {
            var sequences = left.Where(b => b.StartsWith($"{p}:", StringComparison.Ordinal)).Select(b => int.Parse(b[2..], null)).ToList();
            Assert.Equal(sequences.Order(), sequences);
        }
    }

    private Task<BrokerFixture> StartAsync() => BrokerFixture.StartAsync(
        s_limits,
        disk: _disk,
        storage: s => s with { CheckInterval = TimeSpan.FromMilliseconds(5) },
        store: s => s with { Log = new LogOptions { FileBytes = 64 << 10, MaxBytes = 192 << 10 }, Segments = new SegmentOptions { SegmentBytes = 64 << 10, BlockBytes = 8 << 10 } });

    /// <summary>Publishes what has no answer yet and new messages, until there are enough or the node stops.</summary>
    private async Task PublishAsync(BrokerFixture broker, int producer, ulong[] next, Random random)
    {
        try
        {
            await using var client = await broker.ConnectAsync();
            var (stream, _) = await client.OpenProducerAsync($"p{producer}");
            var first = next[producer];
            var end = first + MessagesOfARun;
            var sending = Task.Run(async () =>
            {
                for (var sequence = first; sequence < end;)
                {
                    var to = Math.Min(end, sequence + (ulong)random.Next(1, 20));
                    await stream.SendAsync(w =>
                    {
                        for (; sequence < to; sequence++)
                        {
                            WireStream.WritePublish(w, sequence, "", "orders", Encoding.UTF8.GetBytes($"{producer}:{sequence}".PadRight(random.Next(8, 4000))), PublishFlags.Durable);
                        }
                    });
                }
            });
            var confirmed = new SortedSet<ulong>();
            while (next[producer] < end && await stream.ReadAsync() is { } frame)
            {
                if (frame.Type != FrameType.Confirm)
                {
                    Assert.True(frame.Type is FrameType.Blocked or FrameType.Unblocked, $"{frame.Type} is no answer to a message of a queue that is there");
                    continue;
                }

                foreach (var number in WireStream.NumbersOf(frame.Payload))
                {
                    _confirmed[$"{producer}:{number}"] = true;
                    Assert.True(confirmed.Add(number), $"{number} was confirmed twice");
                }

                StopIfEnough();

                while (confirmed.Contains(next[producer]))
                {
                    next[producer]++;
                }
            }

            await sending;
        }
        catch (QuicTransportException)
        {
            // the node has stopped
        }
    }

    /// <summary>Consumes and settles until the node stops.</summary>
    private async Task ConsumeAsync(BrokerFixture broker, Random random)
    {
        try
        {
            await using var client = await broker.ConnectAsync();
            while (true)
            {
                await using var stream = await client.SubscribeAsync("orders", messages: 40, bytes: 1 << 30, flags: SubscribeFlags.ConfirmSettles);
                var held = new Dictionary<ulong, string>();
                for (var i = random.Next(20, 200); i > 0; i--)
                {
                    var (type, payload) = await stream.ReadAsync() ?? throw new QuicTransportException(QuicError.StreamAborted, "the stream has ended");
                    if (type == FrameType.Settled)
                    {
                        foreach (var number in WireStream.NumbersOf(payload).Where(held.ContainsKey))
                        {
                            _settled[held[number]] = true;
                        }

                        StopIfEnough();

                        continue;
                    }

                    Assert.Equal(FrameType.Deliver, type);
                    Assert.True(DeliverFrame.TryRead(payload, out var deliver, out _));
                    Assert.True(MessageView.TryParse(deliver.Message, out var view, out _));
                    var (tag, body) = (deliver.Tag, Encoding.UTF8.GetString(view.Body).TrimEnd());
                    Assert.False(_settled.ContainsKey(body), $"{body} was settled and has come back");
                    var outcome = random.Next(4) switch { 0 => SettleOutcome.Requeue, 1 => SettleOutcome.Reject, _ => SettleOutcome.Ack };
                    if (outcome != SettleOutcome.Requeue)
                    {
                        held[tag] = body;
                        _settling[body] = true;
                    }

                    if (random.Next(20) > 0) // else it is kept until the stream ends
                    {
                        await stream.SendAsync(w => SettleFrame.Write(w, outcome, [new SequenceRange(tag, tag)]), w => new CreditFrame(1, 0).Write(w));
                    }
                }

                stream.Abandon();
            }
        }
        catch (QuicTransportException)
        {
            // the node has stopped
        }
    }

    private void StopIfEnough()
    {
        if (_confirmed.Count >= _target && _settled.Count >= _settledTarget)
        {
            _enough.TrySetResult();
        }
    }

    /// <summary>All that the queue has, in order.</summary>
    private static async Task<List<string>> DrainAsync(BrokerFixture broker)
    {
        await using var admin = await broker.AdministerAsync();
        var count = (int)(await admin.QueueAsync("orders"))!["ready"]!;
        await using var consumer = await admin.Connection.SubscribeAsync("orders", messages: (ulong)count + 10, bytes: 1 << 30, flags: SubscribeFlags.NoAck);
        var bodies = (await consumer.ExpectBodiesAsync(count)).Select(b => b.TrimEnd()).ToList();
        await admin.ExpectQueueAsync("orders", ready: 0, unsettled: 0);
        Assert.Equal(0, (int)(await admin.RunAsync("store show"))[0]["lostMessages"]!);
        return bodies;
    }
}
