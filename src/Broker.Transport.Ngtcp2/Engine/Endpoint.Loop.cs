using Broker.Transport.Ngtcp2.Interop;

namespace Broker.Transport.Ngtcp2.Engine;

/// <summary>The loop itself.</summary>
internal abstract unsafe partial class Endpoint
{
    private void Run()
    {
        var descriptors = stackalloc PollDescriptor[2];
        descriptors[0] = new PollDescriptor { Descriptor = _socket.Descriptor };
        descriptors[1] = new PollDescriptor { Descriptor = _wake.Descriptor, Events = LibC.PollIn };
        while (!IsStopping)
        {
            Sleep(descriptors);
            if ((descriptors[1].ReturnedEvents & LibC.PollIn) != 0)
            {
                _wake.Clear();
            }

            // Before receiving: what was posted before a datagram was sent takes effect before it.
            RunPosted();
            if (IsStopping)
            {
                break;
            }

            if (_errors != null && ((descriptors[0].ReturnedEvents & LibC.PollError) != 0 || _errors.IsPaused))
            {
                _errors.Read();
            }

            if ((descriptors[0].ReturnedEvents & LibC.PollIn) != 0)
            {
                _receiver.Receive();
            }

            if ((descriptors[0].ReturnedEvents & LibC.PollOut) != 0)
            {
                Sender.Flush();
            }

            // Continuations that run here may have posted; their answers leave together with the acknowledgements.
            RunWaking();
            RunPosted();
            RunTimers();
            FlushDirty();
            RunWaking();
        }

        Sender.Flush();
        RunWaking();
        OnStopped();
        FreeResources();
        _drained = true;
        DrainAfterStop();
        _stopped.TrySetResult();
    }

    private void RunPosted()
    {
        var newest = Interlocked.Exchange(ref _posted, null);

        // The stack has the newest on top; work is done in the order in which it came.
        LoopWork? oldest = null;
        while (newest != null)
        {
            var next = newest.NextPosted;
            newest.NextPosted = oldest;
            oldest = newest;
            newest = next;
        }

        while (oldest != null)
        {
            var work = oldest;
            oldest = work.NextPosted;
            work.NextPosted = null;
            try
            {
                work.RunPosted();
            }
            catch (Exception e)
            {
                OnWorkFailed(work, e);
            }
        }
    }

    private static void OnWorkFailed(LoopWork work, Exception e)
    {
        var connection = work as Ngtcp2Connection ?? (work as Ngtcp2Stream)?.Connection;
        connection?.Fault(e);
    }

    private void RunTimers()
    {
        var now = Clock.Now;
        while (_timers.Earliest is { } connection && connection.Deadline <= now)
        {
            _timers.Remove(connection);
            try
            {
                connection.OnDeadline(now);
            }
            catch (Exception e)
            {
                connection.Fault(e);
            }
        }
    }

    private void FlushDirty()
    {
        if (Sender.IsBlocked || _dirty.Count == 0)
        {
            Sender.FlushPending();
            return;
        }

        (_dirty, _flushing) = (_flushing, _dirty);
        for (var i = 0; i < _flushing.Count; i++)
        {
            var connection = _flushing[i];
            connection.IsDirty = false;
            if (!Sender.HasRoom || Sender.IsBlocked)
            {
                MarkDirty(connection);
                continue;
            }

            try
            {
                if (connection.Flush(Clock.Now))
                {
                    MarkDirty(connection);
                }
            }
            catch (Exception e)
            {
                connection.Fault(e);
            }

            Sender.FlushIfFull();
        }

        _flushing.Clear();
        Sender.Flush();
    }

    private void RunWaking()
    {
        for (var i = 0; i < _waking.Count; i++)
        {
            try
            {
                _waking[i].Wake();
            }
            catch (Exception e)
            {
                // Only an application's inline continuation can throw here.
                _waking[i].Connection.Fault(e);
            }
        }

        _waking.Clear();
    }

    private void Sleep(PollDescriptor* descriptors)
    {
        TimeSpecification time = default;
        var timeout = &time;
        if (_dirty.Count == 0 || Sender.IsBlocked)
        {
            Interlocked.Exchange(ref _sleeping, 1);
            if (Volatile.Read(ref _posted) != null)
            {
                Volatile.Write(ref _sleeping, 0);
            }
            else if (_timers.Earliest is { } connection)
            {
                var now = Clock.Now;
                var wait = connection.Deadline > now ? connection.Deadline - now : 0;
                time.Seconds = (long)(wait / 1_000_000_000);
                time.Nanoseconds = (long)(wait % 1_000_000_000);
            }
            else
            {
                timeout = null;
            }
        }

        descriptors[0].Events = (short)(LibC.PollIn | (Sender.IsBlocked ? LibC.PollOut : 0));
        descriptors[0].ReturnedEvents = descriptors[1].ReturnedEvents = 0;
        _ = LibC.ppoll(descriptors, 2, timeout, null);
        Volatile.Write(ref _sleeping, 0);
    }

    private void EndAll(bool silently)
    {
        foreach (var connection in _table.Connections())
        {
            if (silently)
            {
                connection.Abandon(new QuicCloseInfo(QuicError.OperationAborted, null, "the transport was disposed on this side"));
            }
            else if (connection.CloseInfo == null)
            {
                connection.Close(connection.Options.DefaultCloseErrorCode, "");
            }

            Forget(connection);
            Sender.FlushIfFull();
        }
    }

    private void DrainAfterStop()
    {
        lock (_drainGate)
        {
            RunPosted();
            RunWaking();
        }
    }
}
