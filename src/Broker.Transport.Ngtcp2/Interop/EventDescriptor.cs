using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Broker.Transport.Ngtcp2.Interop;

/// <summary>An <c>eventfd(2)</c>. A safe handle, because a late poster may signal it while the loop closes it.</summary>
internal sealed unsafe class EventDescriptor : SafeHandleMinusOneIsInvalid
{
    public EventDescriptor()
        : base(ownsHandle: true)
    {
        SetHandle(LibC.eventfd(0, LibC.SocketNonBlocking | LibC.SocketCloseOnExec));
        if (IsInvalid)
        {
            throw new QuicTransportException(QuicError.Transport, $"eventfd: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    /// <summary>The descriptor, for the owner's poll.</summary>
    public int Descriptor => (int)handle;

    /// <summary>Makes it readable.</summary>
    public void Signal()
    {
        var referenced = false;
        try
        {
            DangerousAddRef(ref referenced);
            ulong one = 1;
            _ = LibC.write((int)handle, &one, sizeof(ulong));
        }
        catch (ObjectDisposedException)
        {
            // The loop is gone, so there is nobody to wake.
        }
        finally
        {
            if (referenced)
            {
                DangerousRelease();
            }
        }
    }

    /// <summary>Makes it unreadable again.</summary>
    public void Clear()
    {
        ulong count;
        _ = LibC.read((int)handle, &count, sizeof(ulong));
    }

    protected override bool ReleaseHandle() => LibC.close((int)handle) == 0;
}
