// The start of the one file: a static CPython, every extension module built in, and the archive of compiled Python in .rodata.
// Nothing is unpacked, and no module is ever sought in a folder: the only finders are those of built-in, frozen and archived modules.
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <marshal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "init.h"

extern const unsigned char archive_start[];

typedef struct {
    const char *name;  // a module's dotted name, or `data:` and the path of a file
    uint32_t offset, size;
    enum { MODULE, PACKAGE, DATA } kind;
} Entry;

#include "table.h"  // ENTRIES sorted by name, FROZEN (what the interpreter needs before the archive), EXTENSIONS, VERSION

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const Entry *lookup(const char *name) {
    size_t low = 0, high = COUNT(ENTRIES);
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(name, ENTRIES[middle].name);
        if (order == 0) return &ENTRIES[middle];
        if (order < 0) high = middle;
        else low = middle + 1;
    }
    return NULL;
}

static PyObject *load(const Entry *entry) {
    return PyMarshal_ReadObjectFromString((const char *)archive_start + entry->offset, entry->size);
}

PyDoc_STRVAR(find_doc, "find(name): None for what is no module here, else whether it is a package.");
static PyObject *archive_find(PyObject *self, PyObject *name) {
    const char *text = PyUnicode_AsUTF8(name);
    if (text == NULL) return NULL;
    const Entry *entry = lookup(text);
    if (entry == NULL || entry->kind == DATA) Py_RETURN_NONE;
    return PyBool_FromLong(entry->kind == PACKAGE);
}

PyDoc_STRVAR(code_doc, "code(name): the code object of a module; ImportError where there is none.");
static PyObject *archive_code(PyObject *self, PyObject *name) {
    const char *text = PyUnicode_AsUTF8(name);
    if (text == NULL) return NULL;
    const Entry *entry = lookup(text);
    if (entry == NULL || entry->kind == DATA) {
        PyErr_SetImportError(name, name, NULL);
        return NULL;
    }
    return load(entry);
}

PyDoc_STRVAR(data_doc, "data(path): a file's bytes as a read-only view, or None.");
static PyObject *archive_data(PyObject *self, PyObject *path) {
    PyObject *name = PyUnicode_FromFormat("data:%U", path);
    if (name == NULL) return NULL;
    const char *text = PyUnicode_AsUTF8(name);
    const Entry *entry = text == NULL ? NULL : lookup(text);
    Py_DECREF(name);
    if (PyErr_Occurred()) return NULL;
    if (entry == NULL) Py_RETURN_NONE;
    return PyMemoryView_FromMemory((char *)archive_start + entry->offset, entry->size, PyBUF_READ);
}

PyDoc_STRVAR(names_doc, "names(): every name of the archive: modules, and files behind `data:`.");
static PyObject *archive_names(PyObject *self, PyObject *unused) {
    PyObject *names = PyList_New(COUNT(ENTRIES));
    for (size_t i = 0; names != NULL && i < COUNT(ENTRIES); i++) {
        PyObject *name = PyUnicode_FromString(ENTRIES[i].name);
        if (name == NULL) Py_CLEAR(names);
        else PyList_SET_ITEM(names, i, name);
    }
    return names;
}

static PyMethodDef archive_methods[] = {
    {"find", archive_find, METH_O, find_doc},
    {"code", archive_code, METH_O, code_doc},
    {"data", archive_data, METH_O, data_doc},
    {"names", archive_names, METH_NOARGS, names_doc},
    {NULL, NULL, 0, NULL},
};
static struct PyModuleDef archive_module = {PyModuleDef_HEAD_INIT, "_archive", "What the file carries.", 0, archive_methods};
static PyObject *init_archive(void) { return PyModule_Create(&archive_module); }

static void check(PyStatus status) {
    if (PyStatus_Exception(status)) Py_ExitStatusException(status);
}

// What the interpreter takes for its folder and program: nothing can be put below /proc. With a real path it would
// look beside the file for pyvenv.cfg and NAME._pth, and heed them.
#define NOWHERE L"/proc/self/onefile"

static void start_interpreter(int argc, char **argv) {
    static struct _frozen frozen[COUNT(FROZEN) + 1];
    for (size_t i = 0; i < COUNT(FROZEN); i++) {
        const Entry *entry = lookup(FROZEN[i]);
        frozen[i] = (struct _frozen){entry->name, archive_start + entry->offset, (int)entry->size, entry->kind == PACKAGE};
    }
    PyImport_FrozenModules = frozen;
    PyImport_AppendInittab("_archive", init_archive);
    PyImport_ExtendInittab(EXTENSIONS);

    // The path calculation heeds these two even in isolated mode, and looks for NAME._pth beside what they name.
    unsetenv("PYTHONEXECUTABLE");
    unsetenv("__PYVENV_LAUNCHER__");

    PyPreConfig before;
    PyPreConfig_InitIsolatedConfig(&before);
    before.utf8_mode = 1;
    check(Py_PreInitialize(&before));
    PyConfig config;
    PyConfig_InitIsolatedConfig(&config);
    config.site_import = config.write_bytecode = config.parse_argv = config.pathconfig_warnings = 0;
    config.use_frozen_modules = config.install_signal_handlers = config.module_search_paths_set = 1;
    wchar_t **folders[] = {&config.prefix, &config.exec_prefix, &config.base_prefix, &config.base_exec_prefix, &config.stdlib_dir};
    for (size_t i = 0; i < COUNT(folders); i++) check(PyConfig_SetString(&config, folders[i], NOWHERE));
    wchar_t **programs[] = {&config.program_name, &config.executable, &config.base_executable};
    for (size_t i = 0; i < COUNT(programs); i++) check(PyConfig_SetString(&config, programs[i], NOWHERE L"/fairlead"));
    check(PyConfig_SetBytesArgv(&config, argc, argv));
    check(Py_InitializeFromConfig(&config));
    PyConfig_Clear(&config);
}

static int run_module(const char *name) {
    PyObject *module = PyImport_AddModule(name), *result = NULL;
    PyObject *code = module == NULL ? NULL : load(lookup(name));
    if (code != NULL) {
        PyObject *names = PyModule_GetDict(module);
        result = PyEval_EvalCode(code, names, names);
        Py_DECREF(code);
    }
    if (result == NULL) {
        PyErr_Print();  // ends the process where it is SystemExit
        return 1;
    }
    Py_DECREF(result);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 2 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0))
        return puts("fairlead " VERSION) < 0 || fflush(stdout) != 0 ? 2 : 0;
    if (argc == 0) return 2;
    if (getpid() == 1) run_as_child_of_process_1();
    start_interpreter(argc, argv);
    int code = run_module("_importer") || run_module("_start");
    return Py_FinalizeEx() < 0 ? 120 : code;
}
