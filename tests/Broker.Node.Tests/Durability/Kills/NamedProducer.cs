using Broker.Actors.Tests.Nodes;
using Broker.Protocol;

namespace Broker.Node.Tests.Durability.Kills;

/// <summary>
/// A publisher with a lasting name. What it has no confirm for it publishes again under the same sequence, and now and then what was confirmed already too. Frame by frame,
/// because with the client library the sequences are the library's.
/// </summary>
internal sealed class NamedProducer(int number, History history, int seed)
{
    private const int Window = 200;
    private const int MaxBatch = 40;
    private const int MaxRepeated = 50;
    private readonly Random _random = new(seed);
    private readonly SortedSet<ulong> _unconfirmed = [];
    private readonly List<SequenceRange> _ranges = [];
    private ulong _last; // highest sequence that was ever sent
    private ulong _highestConfirmed;

    private string Name => $"producer-{number}";

    /// <summary>Messages that were confirmed, each once.</summary>
    public long ConfirmedCount { get; private set; }

    /// <summary>Publishes until the node ends, over several connections.</summary>
    public async Task RunAsync(NodeLife life)
    {
        while (true)
        {
            await PublishAsync(life, leaveAfter: _random.Next(100, 3_000));
        }
    }

    /// <summary>Publishes again what is not confirmed, until all is.</summary>
    public Task FinishAsync(NodeLife life) => PublishAsync(life, leaveAfter: 0);

    private async Task PublishAsync(NodeLife life, int leaveAfter)
    {
        await using var connection = new WireConnection(await life.Node.Transport.ConnectAsync(life.Node.QuicOptions(), life.End));
        await using var end = life.End.Register(() => _ = connection.DisposeAsync().AsTask()); // nothing on a stream ends a read otherwise
        await connection.HelloAsync();
        var stream = await connection.OpenAsync(StreamKind.Publish);
        await stream.SendAsync(w => new PublisherOpenFrame(Name).Write(w));
        ReadReady(await stream.ExpectAsync(FrameType.PublisherReady));
        var sent = await RepeatAsync(stream);
        for (var confirmed = 0; confirmed < leaveAfter || _unconfirmed.Count > 0;)
        {
            if (confirmed < leaveAfter && _unconfirmed.Count < Window)
            {
                sent = await SendAsync(stream, sent + 1, sent + (ulong)_random.Next(1, MaxBatch));
            }
            else if (confirmed >= leaveAfter && leaveAfter > 0)
            {
                return; // without a goodbye, with messages under way
            }

            confirmed += await ReadAsync(stream, life);
        }
    }

    private void ReadReady(byte[] payload)
    {
        Assert.True(PublisherReadyFrame.TryRead(payload, out var ready, out _));
        if (ready.LastSequence < _highestConfirmed || ready.LastSequence > _last)
        {
            history.Violation($"{Name}: the node knows sequence {ready.LastSequence} as the last; confirmed is {_highestConfirmed}, sent {_last}");
        }
    }

    /// <summary>Sends everything from the first message without a confirm on, or from somewhat before.</summary>
    private async Task<ulong> RepeatAsync(WireStream stream)
    {
        var first = _unconfirmed.Count > 0 ? _unconfirmed.Min : _last + 1;
        first -= Math.Min((ulong)_random.Next(MaxRepeated), first - 1);
        for (; first <= _last; first += MaxBatch)
        {
            await SendAsync(stream, first, Math.Min(_last, first + MaxBatch - 1));
        }

        return _last;
    }

    private async Task<ulong> SendAsync(WireStream stream, ulong first, ulong last)
    {
        for (var sequence = first; sequence <= last; sequence++)
        {
            if (sequence > _last)
            {
                history.Published(new KillMessage(number, sequence));
                _unconfirmed.Add(sequence);
                _last = sequence;
            }
        }

        await stream.SendAsync(w =>
        {
            for (var sequence = first; sequence <= last; sequence++)
            {
                var message = new KillMessage(number, sequence);
                WireStream.WritePublish(w, sequence, message.Route.Exchange, message.Route.Key, message.Body(), message.Durable ? PublishFlags.Durable : PublishFlags.None);
            }
        });
        return last;
    }

    private async Task<int> ReadAsync(WireStream stream, NodeLife life)
    {
        if (await stream.ReadAsync() is not { } frame)
        {
            life.End.ThrowIfCancellationRequested();
            throw new InvalidOperationException($"{Name}: the node has ended the stream");
        }

        if (frame.Type is FrameType.Blocked or FrameType.Unblocked)
        {
            return 0;
        }

        Assert.True(frame.Type == FrameType.Confirm && ConfirmFrame.TryRead(frame.Payload, _ranges, out _), $"{Name}: the node answered with {frame.Type}");
        var confirmed = 0;
        foreach (var range in _ranges)
        {
            for (var sequence = range.First; sequence <= range.Last; sequence++)
            {
                if (_unconfirmed.Remove(sequence))
                {
                    history.Confirmed(new KillMessage(number, sequence));
                    confirmed++;
                }
            }

            _highestConfirmed = Math.Max(_highestConfirmed, range.Last);
        }

        ConfirmedCount += confirmed;
        life.Count(confirmed);
        return confirmed;
    }
}
