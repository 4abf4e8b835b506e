namespace Broker.Bench.Peers;

/// <summary>One connection that publishes; its messages are numbered from 1.</summary>
internal interface IPublishLink : IAsyncDisposable
{
    /// <summary>Sends a message. Any exception means that the link is lost.</summary>
    ValueTask PublishAsync(ReadOnlyMemory<byte> body, long tag);
}

/// <summary>What a link tells its producer.</summary>
internal sealed class LinkEvents(ResendingProducer producer)
{
    /// <summary>A message, or with <paramref name="multiple"/> all up to it, was confirmed or refused.</summary>
    public void Settled(long tag, bool multiple, bool confirmed) => producer.Settle(this, tag, multiple, confirmed);

    /// <summary>The connection has ended.</summary>
    public void Lost() => producer.Lose(this);
}

/// <summary>
/// A producer for brokers whose clients leave it to the program to publish again. It keeps what is not confirmed; a lost connection is followed by one to the next node, and a refusal, or no confirm
/// for a second though some are owed, by another one to the same node: a RabbitMQ channel that was opened during a failover may refuse for good, and JetStream owes nothing to those whose leader has
/// died.
/// </summary>
internal sealed class ResendingProducer : IComparedProducer
{
    private const int Window = Load.Window;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan StallTime = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan OpenTimeout = TimeSpan.FromSeconds(5);

    private readonly Func<int, LinkEvents, Task<IPublishLink>> _open;
    private readonly int _nodes;
    private readonly Lock _gate = new();
    private readonly byte[][] _bodies = [.. Enumerable.Range(0, Window).Select(static _ => new byte[Load.BodyBytes])]; // by number modulo window
    private readonly bool[] _settled = new bool[Window];
    private readonly long[] _numberOfTag = new long[2 * Window];
    private readonly Queue<(long Target, TaskCompletionSource Done)> _flushes = new();
    private readonly List<Task> _closing = [];
    private readonly Timer _watch;

    private int _node;
    private IPublishLink? _link;
    private LinkEvents? _events;
    private LinkState _state = LinkState.Refusing; // none yet
    private TaskCompletionSource? _wake;
    private long _lastTag;
    private long _low; // the first message that is not confirmed
    private long _next;
    private (long Low, long Time) _progress;

    private ResendingProducer(Func<int, LinkEvents, Task<IPublishLink>> open, int nodes, int node)
    {
        (_open, _nodes, _node) = (open, nodes, node);
        _watch = new Timer(_ => CheckProgress(), null, StallTime / 4, StallTime / 4);
    }

    private enum LinkState
    {
        Good,
        Refusing,
        Lost,
    }

    /// <summary>Opens the first link, at a node, which must answer.</summary>
    public static async Task<IComparedProducer> OpenAsync(Func<int, LinkEvents, Task<IPublishLink>> open, int nodes, int node)
    {
        var producer = new ResendingProducer(open, nodes, node);
        await producer.TryOpenAsync(CancellationToken.None);
        return producer;
    }

    public async ValueTask PublishAsync(ReadOnlyMemory<byte> body, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task? room = null;
            lock (_gate)
            {
                if (_state == LinkState.Good && _next - _low < Window)
                {
                    body.CopyTo(_bodies[_next % Window]);
                    _settled[_next % Window] = false;
                    _next++;
                    break;
                }

                if (_state == LinkState.Good)
                {
                    room = (_wake ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
                }
            }

            await (room?.WaitAsync(cancellationToken) ?? ReopenAsync(cancellationToken));
        }

        await SendAsync(_next - 1);
    }

    public Task FlushAsync()
    {
        lock (_gate)
        {
            if (_low == _next)
            {
                return Task.CompletedTask;
            }

            var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _flushes.Enqueue((_next, done));
            return done.Task;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _watch.DisposeAsync();
        CloseLink();
        await Task.WhenAll(_closing);
    }

    public void Settle(LinkEvents events, long tag, bool multiple, bool confirmed)
    {
        lock (_gate)
        {
            if (events != _events)
            {
                return;
            }

            if (!confirmed)
            {
                Break(LinkState.Refusing);
                return;
            }

            var number = _numberOfTag[tag % _numberOfTag.Length];
            for (var i = multiple ? _low : Math.Max(_low, number); i <= number; i++)
            {
                _settled[i % Window] = true;
            }

            while (_low < _next && _settled[_low % Window])
            {
                _low++;
            }

            while (_flushes.TryPeek(out var flush) && flush.Target <= _low)
            {
                _flushes.Dequeue().Done.SetResult();
            }

            Wake();
        }
    }

    public void Lose(LinkEvents? events)
    {
        lock (_gate)
        {
            if (events == _events)
            {
                Break(LinkState.Lost);
            }
        }
    }

    private void CheckProgress()
    {
        lock (_gate)
        {
            if (_low != _progress.Low || _low == _next || _state != LinkState.Good)
            {
                _progress = (_low, Environment.TickCount64);
            }
            else if (Environment.TickCount64 - _progress.Time > StallTime.TotalMilliseconds)
            {
                Break(LinkState.Refusing);
            }
        }
    }

    private void Break(LinkState state)
    {
        _state = state;
        Wake();
    }

    private void Wake()
    {
        _wake?.SetResult();
        _wake = null;
    }

    private async ValueTask SendAsync(long number)
    {
        var events = _events;
        long tag;
        lock (_gate)
        {
            tag = ++_lastTag;
            _numberOfTag[tag % _numberOfTag.Length] = number;
        }

        try
        {
            await _link!.PublishAsync(_bodies[number % Window], tag);
        }
        catch (Exception)
        {
            Lose(events);
        }
    }

    private async Task ReopenAsync(CancellationToken cancellationToken)
    {
        CloseLink();
        if (_state == LinkState.Lost)
        {
            _node = (_node + 1) % _nodes;
        }
        else
        {
            await Task.Delay(Pause, cancellationToken);
        }

        while (true)
        {
            try
            {
                await TryOpenAsync(cancellationToken);
                break;
            }
            catch (Exception) when (!cancellationToken.IsCancellationRequested)
            {
                _node = (_node + 1) % _nodes;
                await Task.Delay(Pause, cancellationToken);
            }
        }

        for (var number = _low; number < _next && _state == LinkState.Good; number++)
        {
            if (!_settled[number % Window])
            {
                await SendAsync(number);
            }
        }
    }

    private async Task TryOpenAsync(CancellationToken cancellationToken)
    {
        var events = new LinkEvents(this);
        var link = await _open(_node, events).WaitAsync(OpenTimeout, cancellationToken);
        lock (_gate)
        {
            (_link, _events, _lastTag, _state) = (link, events, 0, LinkState.Good);
            _progress = (_low, Environment.TickCount64);
        }
    }

    /// <summary>Beside what follows: to say goodbye to a node that is gone takes its time.</summary>
    private void CloseLink()
    {
        IPublishLink? link;
        lock (_gate)
        {
            (link, _link, _events) = (_link, null, null);
        }

        if (link is not null)
        {
            _closing.Add(link.DisposeAsync().AsTask());
        }
    }
}
