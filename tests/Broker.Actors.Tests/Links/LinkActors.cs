using System.Buffers.Binary;
using System.Threading.Channels;
using Broker.Actors.Links;
using Broker.Actors.Runtime;

namespace Broker.Actors.Tests.Links;

/// <summary>A subscriber of a link, and what it was told.</summary>
internal sealed class LinkWatcher
{
    private readonly Channel<object> _seen = Channel.CreateUnbounded<object>();

    public LinkWatcher(ActorSystem system, ActorRef link)
    {
        Actor = system.ActorOf(Props.Create(() => new Watcher(link, _seen.Writer)));
    }

    public ActorRef Actor { get; }

    /// <summary>All that it was told and that was not taken yet.</summary>
    public List<object> Take()
    {
        var taken = new List<object>();
        while (_seen.Reader.TryRead(out var message))
        {
            taken.Add(message);
        }

        return taken;
    }

    /// <summary>The next thing that it is told.</summary>
    public async Task<T> NextAsync<T>()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        try
        {
            return Assert.IsType<T>(await _seen.Reader.ReadAsync(patience.Token));
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"waited 30 s for {typeof(T).Name}");
        }
    }

    private sealed class Watcher(ActorRef link, ChannelWriter<object> seen) : Actor
    {
        protected override void PreStart() => link.Tell(new LinkMessage.Subscribe(Self));

        protected override void Receive(object message) => seen.TryWrite(message);
    }
}

/// <summary>Sends numbered messages on a shard's stream as soon as the link is up and as fast as there is room.</summary>
internal sealed class ShardProducer
{
    private readonly int _shard;
    private readonly int _count;
    private readonly int _size;
    private int _sent;

    public ShardProducer(ActorSystem system, ActorRef link, int shard, int count, int size = 100)
    {
        (_shard, _count, _size) = (shard, count, size);
        Actor = system.ActorOf(Props.Create(() => new Producer(this, link)));
    }

    public ActorRef Actor { get; }

    /// <summary>Messages handed over so far.</summary>
    public int Sent => Volatile.Read(ref _sent);

    /// <summary>Why streams have ended, in order.</summary>
    public List<ShardClosed> Closed { get; } = [];

    public static readonly object Close = new();

    public static readonly object Open = new();

    private sealed class Producer(ShardProducer state, ActorRef link) : Actor
    {
        private ShardSender? _sender;

        protected override void PreStart() => link.Tell(new LinkMessage.Subscribe(Self));

        protected override void Receive(object message)
        {
            switch (message)
            {
                case LinkUp:
                case var open when open == Open:
                    link.Tell(new LinkMessage.OpenShard(state._shard, Self));
                    break;
                case ShardOpened m:
                    _sender = m.Sender;
                    Pump();
                    break;
                case ShardRoom m:
                    m.Sender.HandleRoom(m);
                    Pump();
                    break;
                case ShardClosed m:
                    _sender = null;
                    lock (state.Closed)
                    {
                        state.Closed.Add(m);
                    }

                    break;
                case var close when close == Close:
                    _sender!.Close();
                    _sender = null;
                    break;
            }
        }

        private void Pump()
        {
            while (_sender is not null && state._sent < state._count)
            {
                var message = new byte[state._size];
                BinaryPrimitives.WriteInt32BigEndian(message, state._sent + 1);
                if (!_sender.TrySend(message))
                {
                    return;
                }

                Volatile.Write(ref state._sent, state._sent + 1);
            }
        }
    }
}

/// <summary>The receiver of a shard. It checks that numbers come in order and without gaps, and takes messages unless it is told to hold.</summary>
internal sealed class ShardConsumer
{
    private readonly TaskCompletionSource _all = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly int _expected;
    private int _received;

    public ShardConsumer(ActorSystem system, LinkNode node, int shard, int expected, bool holds = false)
    {
        _expected = expected;
        Actor = system.ActorOf(Props.Create(() => new Consumer(this, holds)));
        node.Receivers.Register(shard, Actor);
    }

    public ActorRef Actor { get; }

    public int Received => Volatile.Read(ref _received);

    /// <summary>The first message that was not the one after the one before it; <c>null</c> if there was none.</summary>
    public volatile string? Disorder;

    /// <summary>Lengths of the messages that came, together.</summary>
    public long Bytes { get; private set; }

    public HashSet<Machines.Cluster.NodeLife> From { get; } = [];

    /// <summary>To the actor: take what was held, and what comes.</summary>
    public static readonly object Go = new();

    /// <summary>When so many messages as were expected have come.</summary>
    public async Task AllAsync()
    {
        try
        {
            await _all.Task.WaitAsync(TimeSpan.FromSeconds(120));
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"waited 120 s for {_expected} messages of a shard; {Received} came");
        }
    }

    private sealed class Consumer(ShardConsumer state, bool holds) : Actor
    {
        private bool _holds = holds;
        private int _held;
        private ActorRef _stream = ActorRef.NoSender;

        protected override void Receive(object message)
        {
            if (message is ShardMessage m)
            {
                var number = BinaryPrimitives.ReadInt32BigEndian(m.Payload.Span);
                if (number != state._received + 1)
                {
                    state.Disorder ??= $"{number} came after {state._received} on shard {m.Shard}";
                }

                state.From.Add(m.From);
                state.Bytes += m.Payload.Length;
                Volatile.Write(ref state._received, number);
                _stream = Sender;
                _held++;
                if (number == state._expected)
                {
                    state._all.TrySetResult();
                }
            }
            else
            {
                _holds = false;
            }

            if (!_holds && _held > 0)
            {
                _stream.Tell(new ShardTaken(_held), Self);
                _held = 0;
            }
        }
    }
}
