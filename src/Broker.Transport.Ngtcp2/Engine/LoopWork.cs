namespace Broker.Transport.Ngtcp2.Engine;

/// <summary>Something that application threads ask the loop to look at: a stream, a connection, a command. Posting it twice before the loop gets to it is posting it once.</summary>
internal abstract class LoopWork
{
    private int _queued;

    /// <summary>The next older entry of the loop's stack. Only the loop and the poster that links it touch it.</summary>
    internal LoopWork? NextPosted { get; set; }

    /// <summary>Takes the queued bit; <c>false</c> if it is taken and the loop has yet to run this.</summary>
    internal bool TryQueue() => Volatile.Read(ref _queued) == 0 && Interlocked.Exchange(ref _queued, 1) == 0;

    /// <summary>On the loop: gives the queued bit back first, so that whatever is asked from now on is not lost, then does the work.</summary>
    internal void RunPosted()
    {
        Interlocked.Exchange(ref _queued, 0);
        Run();
    }

    /// <summary>Does the work on the loop's thread.</summary>
    protected abstract void Run();
}

/// <summary>A one-off command for the loop.</summary>
internal sealed class LoopAction(Action action) : LoopWork
{
    protected override void Run() => action();
}
