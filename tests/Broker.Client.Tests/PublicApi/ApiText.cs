using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;

namespace Broker.Client.Tests.PublicApi;

/// <summary>The public surface of an assembly as text: one line a type and member, in an order that does not depend on the compiler.</summary>
internal static class ApiText
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private static readonly Dictionary<Type, string> s_keywords = new()
    {
        [typeof(void)] = "void", [typeof(bool)] = "bool", [typeof(byte)] = "byte", [typeof(sbyte)] = "sbyte", [typeof(short)] = "short",
        [typeof(ushort)] = "ushort", [typeof(int)] = "int", [typeof(uint)] = "uint", [typeof(long)] = "long", [typeof(ulong)] = "ulong",
        [typeof(double)] = "double", [typeof(float)] = "float", [typeof(char)] = "char", [typeof(string)] = "string", [typeof(object)] = "object",
    };

    public static string Of(Assembly assembly)
    {
        var text = new StringBuilder();
        foreach (var type in assembly.GetExportedTypes().OrderBy(Name, StringComparer.Ordinal))
        {
            text.Append(Head(type)).Append('\n');
            foreach (var line in Members(type).Order(StringComparer.Ordinal))
            {
                text.Append("    ").Append(line).Append('\n');
            }
        }

        return text.ToString();
    }

    private static string Head(Type type)
    {
        var kind = type switch
        {
            { IsEnum: true } => $"enum {Name(type)} : {Name(Enum.GetUnderlyingType(type))}",
            { IsInterface: true } => $"interface {Name(type)}",
            { IsValueType: true } => $"{(type.IsDefined(typeof(IsReadOnlyAttribute), false) ? "readonly " : "")}{(type.IsByRefLike ? "ref " : "")}struct {Name(type)}",
            _ when typeof(Delegate).IsAssignableFrom(type) => $"delegate {Name(type)}",
            { IsAbstract: true, IsSealed: true } => $"static class {Name(type)}",
            { IsAbstract: true } => $"abstract class {Name(type)}",
            { IsSealed: true } => $"sealed class {Name(type)}",
            _ => $"class {Name(type)}",
        };
        if (type.IsEnum)
        {
            return kind;
        }

        List<string> parents = [.. type.GetInterfaces().Except(type.BaseType?.GetInterfaces() ?? []).Where(static parent => parent.IsVisible).Select(Name).Order(StringComparer.Ordinal)];
        if (type is { IsClass: true, BaseType: { } parent } && parent != typeof(object) && parent != typeof(MulticastDelegate))
        {
            parents.Insert(0, Name(parent));
        }

        var all = string.Join(", ", parents);
        return all.Length > 0 ? $"{kind} : {all}" : kind;
    }

    private static IEnumerable<string> Members(Type type)
    {
        if (type.IsEnum)
        {
            return type.GetFields(BindingFlags.Public | BindingFlags.Static).Select(static field => $"{field.Name} = {field.GetRawConstantValue()}");
        }

        if (typeof(Delegate).IsAssignableFrom(type))
        {
            return [Method(type.GetMethod("Invoke")!)];
        }

        // What the compiler makes for records is not written by anybody.
        return type.GetConstructors(Declared).Where(IsSeen).Select(static made => $"new({Parameters(made)})")
            .Concat(type.GetFields(Declared).Where(static field => field.IsPublic || field.IsFamily).Select(Field))
            .Concat(type.GetProperties(Declared).Where(static property => property.Name != "EqualityContract" && Accessors(property).Any()).Select(Property))
            .Concat(type.GetEvents(Declared).Where(static found => IsSeen(found.AddMethod!)).Select(static found => $"event {Name(found.EventHandlerType!)} {found.Name}"))
            .Concat(type.GetMethods(Declared).Where(IsWritten).Select(Method));
    }

    private static bool IsSeen(MethodBase method) => method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly;

    private static bool IsWritten(MethodInfo method) => IsSeen(method) && (!method.IsSpecialName || method.Name.StartsWith("op_", StringComparison.Ordinal))
        && !method.IsDefined(typeof(CompilerGeneratedAttribute), false);

    private static IEnumerable<MethodInfo> Accessors(PropertyInfo property) => property.GetAccessors(nonPublic: true).Where(IsSeen);

    private static string Field(FieldInfo field) => field.IsLiteral
        ? $"const {Name(field.FieldType)} {field.Name} = {Constant(field.GetRawConstantValue())}"
        : $"{(field.IsStatic ? "static " : "")}{(field.IsInitOnly ? "readonly " : "")}{Name(new NullabilityInfoContext().Create(field))} {field.Name}";

    private static string Property(PropertyInfo property)
    {
        var accessors = Accessors(property).Select(accessor => accessor == property.GetMethod ? "get;"
            : accessor.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(IsExternalInit)) ? "init;" : "set;").Order(StringComparer.Ordinal);
        var index = property.GetIndexParameters();
        var name = index.Length > 0 ? $"this[{string.Join(", ", index.Select(Parameter))}]" : property.Name;
        var required = property.IsDefined(typeof(RequiredMemberAttribute), false) ? "required " : "";
        var of = Accessors(property).First().IsStatic ? "static " : "";
        return $"{required}{of}{Name(new NullabilityInfoContext().Create(property))} {name} {{ {string.Join(' ', accessors)} }}";
    }

    private static string Method(MethodInfo method)
    {
        var generic = method.IsGenericMethod ? $"<{string.Join(", ", method.GetGenericArguments().Select(static argument => argument.Name))}>" : "";
        var of = method.IsStatic ? "static " : method.IsAbstract && !method.DeclaringType!.IsInterface ? "abstract " : "";
        return $"{of}{Name(new NullabilityInfoContext().Create(method.ReturnParameter))} {method.Name}{generic}({Parameters(method)})";
    }

    private static string Parameters(MethodBase method)
    {
        var parameters = method.GetParameters().Select(Parameter);
        return (method.IsDefined(typeof(ExtensionAttribute), false) ? "this " : "") + string.Join(", ", parameters);
    }

    private static string Parameter(ParameterInfo parameter)
    {
        var way = parameter.IsOut ? "out " : parameter.IsIn ? "in " : parameter.ParameterType.IsByRef ? "ref " : "";
        var all = parameter.IsDefined(typeof(ParamArrayAttribute), false) || parameter.IsDefined(typeof(ParamCollectionAttribute), false) ? "params " : "";
        var value = parameter.HasDefaultValue ? $" = {(parameter.RawDefaultValue is null && parameter.ParameterType.IsValueType ? "default" : Constant(parameter.RawDefaultValue))}" : "";
        return $"{all}{way}{Name(new NullabilityInfoContext().Create(parameter))} {parameter.Name}{value}";
    }

    private static string Constant(object? value) => value switch
    {
        null => "null",
        string text => $"\"{text}\"",
        bool truth => truth ? "true" : "false",
        _ => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{value}"),
    };

    private static string Name(NullabilityInfo info)
    {
        var type = info.Type.IsByRef ? info.Type.GetElementType()! : info.Type;
        if (Nullable.GetUnderlyingType(type) is { } value)
        {
            return $"{Name(value)}?";
        }

        // What cannot be written has only the other one.
        var isNullable = info.WriteState == NullabilityState.Nullable || (info.WriteState == NullabilityState.Unknown && info.ReadState == NullabilityState.Nullable);
        var mark = isNullable && !type.IsValueType && !type.IsGenericParameter ? "?" : "";
        if (info.ElementType is not null)
        {
            return $"{Name(info.ElementType)}[]{mark}";
        }

        return type.IsGenericType && info.GenericTypeArguments.Length > 0
            ? $"{Bare(type)}<{string.Join(", ", info.GenericTypeArguments.Select(Name))}>{mark}"
            : Name(type) + mark;
    }

    private static string Name(Type type)
    {
        if (type.IsByRef || type.IsArray)
        {
            return Name(type.GetElementType()!) + (type.IsArray ? "[]" : "");
        }

        if (Nullable.GetUnderlyingType(type) is { } value)
        {
            return $"{Name(value)}?";
        }

        return s_keywords.GetValueOrDefault(type) ?? (type.IsGenericParameter ? type.Name
            : type.IsGenericType ? $"{Bare(type)}<{string.Join(", ", type.GetGenericArguments().Select(Name))}>"
            : Bare(type));
    }

    private static string Bare(Type type)
    {
        var name = (type.FullName ?? $"{type.Namespace}.{type.Name}").Replace('+', '.');
        return name.IndexOf('`', StringComparison.Ordinal) is >= 0 and var end ? name[..end] : name;
    }
}
