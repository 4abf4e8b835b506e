using System.Diagnostics;
using Broker.Client;
using Broker.Node.Tests.Processes;

namespace Broker.Node.Tests.Cluster.Faults;

/// <summary>How a producer publishes.</summary>
internal enum ProducerKind
{
    /// <summary>Under a lasting name of its own.</summary>
    Named,

    /// <summary>As the library does if nothing is said: it goes on after a loss, and no queue takes a message twice.</summary>
    Usual,

    /// <summary>Not idempotent: over with its stream, and what has no outcome then is unknown.</summary>
    Once,
}

/// <summary>Somebody who publishes a few messages to its queues, waits for all outcomes, and goes on, for one shift after the other.</summary>
/// <param name="number">Its number, and the first of those that it takes as another producer.</param>
/// <param name="kind">How it publishes.</param>
/// <param name="queues">Where to, in turn.</param>
internal sealed class FaultProducer(int number, ProducerKind kind, IReadOnlyList<QueueLog> queues)
{
    private const int Batch = 6;
    private const int NumbersApart = 1_000;

    /// <summary>Long enough for every fault with its healing.</summary>
    private static readonly TimeSpan s_longest = TimeSpan.FromSeconds(90);
    private readonly List<FaultMessage> _open = [];
    private readonly List<(long Sent, long At)> _confirms = [];
    private int _number = number;
    private ulong _last;
    private int _turn;

    public ProducerKind Kind => kind;

    public QueueLog Queue => queues[0];

    /// <summary>Publishes until the shift ends; then everything has its outcome.</summary>
    /// <exception cref="BrokerException">The library has given up, which it must not, except for <see cref="ProducerKind.Once"/>, which goes on as another producer.</exception>
    public async Task RunAsync(BrokerClient client, CancellationToken end)
    {
        while (!end.IsCancellationRequested)
        {
            var options = new PublisherOptions { ProducerId = kind == ProducerKind.Named ? $"named-{_number}" : "", Idempotent = kind != ProducerKind.Once };
            try
            {
                await using var publisher = await Wait.For(client.CreatePublisherAsync(options, CancellationToken.None), $"a publisher of producer {_number}", s_longest);
                while (!end.IsCancellationRequested)
                {
                    await PublishAsync(publisher);
                    await Task.Delay(Pace, CancellationToken.None); // the rate of the load
                }
            }
            catch (BrokerException) when (kind == ProducerKind.Once)
            {
                // What is open may come, or not, and after what is published now.
                (_number, _last) = (_number + NumbersApart, 0);
                _open.Clear();
            }
        }
    }

    /// <summary>The longest time between two confirms, of which the first was not before and the second not after a period.</summary>
    public TimeSpan LongestPause(long from, long to)
    {
        lock (_confirms)
        {
            var (longest, before) = (0L, from);
            foreach (var at in _confirms.Select(confirm => confirm.At).Where(at => at > from && at <= to).Append(to))
            {
                (longest, before) = (Math.Max(longest, at - before), at);
            }

            return Stopwatch.GetElapsedTime(0, longest);
        }
    }

    /// <summary>Whether something was confirmed that was sent after a moment.</summary>
    public bool HasConfirmedSince(long moment)
    {
        lock (_confirms)
        {
            return _confirms.Count > 0 && _confirms[^1].Sent > moment;
        }
    }

    /// <summary>A probe's own pace is the resolution of what it measures.</summary>
    private TimeSpan Pace => TimeSpan.FromMilliseconds(kind == ProducerKind.Usual ? 15 : 25);

    private async Task PublishAsync(Publisher publisher)
    {
        var sent = Stopwatch.GetTimestamp();
        for (var i = 0; i < Batch / (kind == ProducerKind.Usual ? 3 : 1); i++)
        {
            var queue = queues[_turn++ % queues.Count];
            var message = new FaultMessage(queue.Number, _number, ++_last);
            queue.Published(message);
            _open.Add(message);
            await Wait.For(publisher.PublishAsync("", queue.Name, message.Body()), $"room for message {_last} of producer {_number}", s_longest);
        }

        await Wait.For(publisher.FlushAsync(), $"the outcome of {_open.Count} messages of {kind} producer {_number} to {queues[0].Name}", s_longest);
        lock (_confirms)
        {
            _confirms.Add((sent, Stopwatch.GetTimestamp()));
        }

        foreach (var message in _open)
        {
            queues.First(queue => queue.Number == message.Queue).Confirmed(message);
        }

        _open.Clear();
    }
}
